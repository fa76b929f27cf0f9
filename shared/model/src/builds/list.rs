//! `GET /v1/builds`.

use crate::listing::{Column, Filter, Kind, Listing};

/// The build that was started last first.
pub const LISTING: Listing = Listing {
    sql: include_str!("list.sql"),
    columns: &[
        Column::of("id", Kind::Uuid, "Build id."),
        Column::of("project_id", Kind::Uuid, "The project it belongs to."),
        Column::maybe("request_id", Kind::Uuid, "The request that started it."),
        Column::maybe("branch_name", Kind::Text, "Branch."),
        Column::maybe("branch_url", Kind::Text, "Page of the branch."),
        Column::maybe("commit_ref", Kind::Text, "Commit."),
        Column::maybe("commit_url", Kind::Text, "Page of the commit."),
        Column::maybe("pr_name", Kind::Text, "Title of the pull request."),
        Column::maybe("pr_number", Kind::Text, "Number of the pull request."),
        Column::maybe("pr_description", Kind::Text, "Description of the pull request."),
        Column::maybe("pr_url", Kind::Text, "Page of the pull request."),
        Column::of("bytes_real", Kind::Int8, "Disk space that it takes, bytes."),
        Column::of("bytes_virtual", Kind::Int8, "Disk space as it looks from inside, bytes."),
        Column::maybe("config", Kind::Json, "Its configuration."),
        Column::of("pinned", Kind::Bool, "Whether it is kept from being reaped."),
        Column::of("reaped", Kind::Bool, "Whether it was removed."),
        Column::maybe(
            "reaped_reason",
            Kind::Int4,
            "0 unknown, 1 account over its disk limit, 2 too many builds on the branch, 3 on the pull request, 4 pull request closed, 5 deleted by hand.",
        ),
        Column::maybe("reaped_reason_text", Kind::Text, "The reason in words."),
        Column::maybe("reaped_date", Kind::Instant, "When it was removed."),
        Column::maybe("status_build", Kind::Text, "Status."),
        Column::maybe("status_submitted", Kind::Text, "Status that was submitted to the code host."),
        Column::of("time_started", Kind::Instant, "When it was created."),
        Column::of("time_updated", Kind::Instant, "When it last changed."),
        Column::maybe("steps", Kind::Json, "Its steps and how they went."),
    ],
    key: &["time_started", "id"],
    filters: &[
        Filter { name: "project_id", kind: Kind::Uuid, about: "Only builds of this project." },
        Filter { name: "branch_name", kind: Kind::Text, about: "Only builds of this branch." },
        Filter { name: "status_build", kind: Kind::Text, about: "Only builds with this status." },
        Filter { name: "reaped", kind: Kind::Bool, about: "Only builds that were removed, or that were not." },
        Filter { name: "pinned", kind: Kind::Bool, about: "Only builds that are pinned, or that are not." },
        Filter { name: "from", kind: Kind::Instant, about: "Started at this instant or later." },
        Filter { name: "to", kind: Kind::Instant, about: "Started before this instant." },
    ],
};
