//! `GET /v1/builds`.

use crate::listing::{ColumnKind, ListColumn, ListFilter, Listing};

/// Sorts by start time, the latest build first.
pub const LISTING: Listing = Listing {
    sql: include_str!("list.sql"),
    columns: &[
        ListColumn::of("id", ColumnKind::Uuid, "The id of the build."),
        ListColumn::of("project_id", ColumnKind::Uuid, "The project of the build."),
        ListColumn::maybe("request_id", ColumnKind::Uuid, "The request that started the build."),
        ListColumn::maybe("branch_name", ColumnKind::Text, "The name of the branch."),
        ListColumn::maybe("branch_url", ColumnKind::Text, "The URL of the branch."),
        ListColumn::maybe("commit_ref", ColumnKind::Text, "The commit."),
        ListColumn::maybe("commit_url", ColumnKind::Text, "The URL of the commit."),
        ListColumn::maybe("pr_name", ColumnKind::Text, "The title of the pull request."),
        ListColumn::maybe("pr_number", ColumnKind::Text, "The number of the pull request."),
        ListColumn::maybe(
            "pr_description",
            ColumnKind::Text,
            "The description of the pull request.",
        ),
        ListColumn::maybe("pr_url", ColumnKind::Text, "The URL of the pull request."),
        ListColumn::of(
            "bytes_real",
            ColumnKind::Int8,
            "The disk space that the build uses, in bytes.",
        ),
        ListColumn::of(
            "bytes_virtual",
            ColumnKind::Int8,
            "The disk space that the build sees from inside, in bytes.",
        ),
        ListColumn::maybe("config", ColumnKind::Json, "The configuration of the build."),
        ListColumn::of("pinned", ColumnKind::Bool, "Whether the build is protected from removal."),
        ListColumn::of("reaped", ColumnKind::Bool, "Whether the build was removed."),
        ListColumn::maybe(
            "reaped_reason",
            ColumnKind::Int4,
            "0 unknown, 1 account over its disk limit, 2 too many builds on the branch, 3 on the pull request, 4 pull request closed, 5 deleted by hand.",
        ),
        ListColumn::maybe(
            "reaped_reason_text",
            ColumnKind::Text,
            "The reason of the removal as text.",
        ),
        ListColumn::maybe("reaped_date", ColumnKind::Instant, "The time of the removal."),
        ListColumn::maybe("status_build", ColumnKind::Text, "The status of the build."),
        ListColumn::maybe(
            "status_submitted",
            ColumnKind::Text,
            "The status that was submitted to the code host.",
        ),
        ListColumn::of(
            "time_started",
            ColumnKind::Instant,
            "The time at which the build was created.",
        ),
        ListColumn::of(
            "time_updated",
            ColumnKind::Instant,
            "The time of the last change of the build.",
        ),
        ListColumn::maybe("steps", ColumnKind::Json, "The steps of the build with their results."),
    ],
    key: &["time_started", "id"],
    filters: &[
        ListFilter {
            name: "project_id",
            kind: ColumnKind::Uuid,
            about: "Only builds of this project.",
        },
        ListFilter {
            name: "branch_name",
            kind: ColumnKind::Text,
            about: "Only builds of this branch.",
        },
        ListFilter {
            name: "status_build",
            kind: ColumnKind::Text,
            about: "Only builds with this status.",
        },
        ListFilter {
            name: "reaped",
            kind: ColumnKind::Bool,
            about: "Only builds that were removed, or only builds that were not removed.",
        },
        ListFilter {
            name: "pinned",
            kind: ColumnKind::Bool,
            about: "Only builds that are pinned, or only builds that are not pinned.",
        },
        ListFilter {
            name: "from",
            kind: ColumnKind::Instant,
            about: "Only builds that started at this instant or later.",
        },
        ListFilter {
            name: "to",
            kind: ColumnKind::Instant,
            about: "Only builds that started before this instant.",
        },
    ],
};
