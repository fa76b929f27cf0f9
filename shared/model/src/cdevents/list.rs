//! `GET /v1/cdevents`.

use crate::listing::{ColumnKind, ListColumn, ListFilter, Listing};

/// Sorts by time, the newest event first.
pub const LISTING: Listing = Listing {
    sql: include_str!("list.sql"),
    columns: &[
        ListColumn::of(
            "id",
            ColumnKind::Text,
            "`context.id` as received; the CID of the content if the id is missing.",
        ),
        ListColumn::of("source", ColumnKind::Text, "`context.source`."),
        ListColumn::of("type", ColumnKind::Text, "`context.type`."),
        ListColumn::of("timestamp", ColumnKind::Instant, "The time of the event."),
        ListColumn::of("imported_at", ColumnKind::Instant, "The time at which the record arrived."),
        ListColumn::of(
            "subject",
            ColumnKind::Text,
            "The kind of the subject: `service`, `pipelinerun` …",
        ),
        ListColumn::of(
            "predicate",
            ColumnKind::Text,
            "The predicate of the event: `deployed`, `finished` …",
        ),
        ListColumn::of("version", ColumnKind::Text, "The version of the event's type."),
        ListColumn::of("subject_id", ColumnKind::Text, "`subject.id`."),
        ListColumn::maybe("subject_source", ColumnKind::Text, "`subject.source`."),
        ListColumn::maybe("chain_id", ColumnKind::Text, "`context.chainId`."),
        ListColumn::maybe(
            "problems",
            ColumnKind::Text,
            "The deviations from the specification, separated by semicolons.",
        ),
        ListColumn::of("payload", ColumnKind::Json, "The complete event."),
    ],
    key: &["timestamp", "id", "source", "type"],
    filters: &[
        ListFilter {
            name: "subject",
            kind: ColumnKind::Text,
            about: "Only events about this kind of subject, for example `service`.",
        },
        ListFilter {
            name: "predicate",
            kind: ColumnKind::Text,
            about: "Only events with this predicate, for example `deployed`.",
        },
        ListFilter {
            name: "subject_id",
            kind: ColumnKind::Text,
            about: "Only events about the subject with this id.",
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
            about: "Only events at this instant or later.",
        },
        ListFilter {
            name: "to",
            kind: ColumnKind::Instant,
            about: "Only events before this instant.",
        },
    ],
};
