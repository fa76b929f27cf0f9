//! `GET /v1/cdevents`.

use crate::listing::{Column, Filter, Kind, Listing};

/// The newest event first.
pub const LISTING: Listing = Listing {
    sql: include_str!("list.sql"),
    columns: &[
        Column::of("id", Kind::Text, "`context.id` as it came; where it came without one, its content's CID."),
        Column::of("source", Kind::Text, "`context.source`."),
        Column::of("type", Kind::Text, "`context.type`."),
        Column::of("timestamp", Kind::Instant, "When it happened."),
        Column::of("imported_at", Kind::Instant, "When it arrived here."),
        Column::of("subject", Kind::Text, "What it is about: `service`, `pipelinerun` …"),
        Column::of("predicate", Kind::Text, "What happened: `deployed`, `finished` …"),
        Column::of("version", Kind::Text, "Version of its type."),
        Column::of("subject_id", Kind::Text, "`subject.id`."),
        Column::maybe("subject_source", Kind::Text, "`subject.source`."),
        Column::maybe("chain_id", Kind::Text, "`context.chainId`."),
        Column::maybe("problems", Kind::Text, "What is not as the specification says, parted by semicolons."),
        Column::of("payload", Kind::Json, "The whole event."),
    ],
    key: &["timestamp", "id", "source", "type"],
    filters: &[
        Filter { name: "subject", kind: Kind::Text, about: "Only events about this kind of thing, such as `service`." },
        Filter { name: "predicate", kind: Kind::Text, about: "Only events that say this, such as `deployed`." },
        Filter { name: "subject_id", kind: Kind::Text, about: "Only events about the thing with this id." },
        Filter { name: "source", kind: Kind::Text, about: "Only events from this source." },
        Filter { name: "chain_id", kind: Kind::Text, about: "Only events of this chain." },
        Filter { name: "from", kind: Kind::Instant, about: "Happened at this instant or later." },
        Filter { name: "to", kind: Kind::Instant, about: "Happened before this instant." },
    ],
};
