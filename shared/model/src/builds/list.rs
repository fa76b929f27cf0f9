//! `GET /v1/builds`.

use crate::listing::{ColumnKind, ListColumn, ListFilter, Listing};

/// Sorts by start time, the latest build first.
pub const LISTING: Listing = Listing {
    sql: include_str!("list.sql"),
    columns: &[
        ListColumn::of("id", ColumnKind::Uuid, "Build id."),
        ListColumn::of("project_id", ColumnKind::Uuid, "The project it belongs to."),
        ListColumn::maybe("request_id", ColumnKind::Uuid, "The request that started it."),
        ListColumn::maybe("branch_name", ColumnKind::Text, "Branch."),
        ListColumn::maybe("branch_url", ColumnKind::Text, "Page of the branch."),
        ListColumn::maybe("commit_ref", ColumnKind::Text, "Commit."),
        ListColumn::maybe("commit_url", ColumnKind::Text, "Page of the commit."),
        ListColumn::maybe("pr_name", ColumnKind::Text, "Title of the pull request."),
        ListColumn::maybe("pr_number", ColumnKind::Text, "Number of the pull request."),
        ListColumn::maybe("pr_description", ColumnKind::Text, "Description of the pull request."),
        ListColumn::maybe("pr_url", ColumnKind::Text, "Page of the pull request."),
        ListColumn::of("bytes_real", ColumnKind::Int8, "Disk space that it takes, bytes."),
        ListColumn::of(
            "bytes_virtual",
            ColumnKind::Int8,
            "Disk space as it looks from inside, bytes.",
        ),
        ListColumn::maybe("config", ColumnKind::Json, "Its configuration."),
        ListColumn::of("pinned", ColumnKind::Bool, "Whether it is kept from being reaped."),
        ListColumn::of("reaped", ColumnKind::Bool, "Whether it was removed."),
        ListColumn::maybe(
            "reaped_reason",
            ColumnKind::Int4,
            "0 unknown, 1 account over its disk limit, 2 too many builds on the branch, 3 on the pull request, 4 pull request closed, 5 deleted by hand.",
        ),
        ListColumn::maybe("reaped_reason_text", ColumnKind::Text, "The reason in words."),
        ListColumn::maybe("reaped_date", ColumnKind::Instant, "When it was removed."),
        ListColumn::maybe("status_build", ColumnKind::Text, "Status."),
        ListColumn::maybe(
            "status_submitted",
            ColumnKind::Text,
            "Status that was submitted to the code host.",
        ),
        ListColumn::of("time_started", ColumnKind::Instant, "When it was created."),
        ListColumn::of("time_updated", ColumnKind::Instant, "When it last changed."),
        ListColumn::maybe("steps", ColumnKind::Json, "Its steps and how they went."),
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
            about: "Only builds that were removed, or that were not.",
        },
        ListFilter {
            name: "pinned",
            kind: ColumnKind::Bool,
            about: "Only builds that are pinned, or that are not.",
        },
        ListFilter {
            name: "from",
            kind: ColumnKind::Instant,
            about: "Started at this instant or later.",
        },
        ListFilter { name: "to", kind: ColumnKind::Instant, about: "Started before this instant." },
    ],
};
