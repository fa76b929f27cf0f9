//! `GET /v1/cdevents`.

use crate::listing::{ColumnKind, ListColumn, ListFilter, Listing};

/// Sorts by time, the newest event first.
pub const LISTING: Listing = Listing {
    sql: include_str!("list.sql"),
    columns: &[
        ListColumn::of(
            "id",
            ColumnKind::Text,
            "`context.id` as it came; where it came without one, its content's CID.",
        ),
        ListColumn::of("source", ColumnKind::Text, "`context.source`."),
        ListColumn::of("type", ColumnKind::Text, "`context.type`."),
        ListColumn::of("timestamp", ColumnKind::Instant, "When it happened."),
        ListColumn::of("imported_at", ColumnKind::Instant, "When it arrived here."),
        ListColumn::of("subject", ColumnKind::Text, "What it is about: `service`, `pipelinerun` …"),
        ListColumn::of("predicate", ColumnKind::Text, "What happened: `deployed`, `finished` …"),
        ListColumn::of("version", ColumnKind::Text, "Version of its type."),
        ListColumn::of("subject_id", ColumnKind::Text, "`subject.id`."),
        ListColumn::maybe("subject_source", ColumnKind::Text, "`subject.source`."),
        ListColumn::maybe("chain_id", ColumnKind::Text, "`context.chainId`."),
        ListColumn::maybe(
            "problems",
            ColumnKind::Text,
            "What is not as the specification says, parted by semicolons.",
        ),
        ListColumn::of("payload", ColumnKind::Json, "The whole event."),
    ],
    key: &["timestamp", "id", "source", "type"],
    filters: &[
        ListFilter {
            name: "subject",
            kind: ColumnKind::Text,
            about: "Only events about this kind of thing, such as `service`.",
        },
        ListFilter {
            name: "predicate",
            kind: ColumnKind::Text,
            about: "Only events that say this, such as `deployed`.",
        },
        ListFilter {
            name: "subject_id",
            kind: ColumnKind::Text,
            about: "Only events about the thing with this id.",
        },
        ListFilter {
            name: "source",
            kind: ColumnKind::Text,
            about: "Only events from this source.",
        },
        ListFilter {
            name: "chain_id",
            kind: ColumnKind::Text,
            about: "Only events of this chain.",
        },
        ListFilter {
            name: "from",
            kind: ColumnKind::Instant,
            about: "Happened at this instant or later.",
        },
        ListFilter {
            name: "to",
            kind: ColumnKind::Instant,
            about: "Happened before this instant.",
        },
    ],
};
