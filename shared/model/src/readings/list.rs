//! `GET /v1/readings`.

use crate::listing::{ColumnKind, ListColumn, ListFilter, Listing};

/// Sorts by time, the newest reading first. The sensor's name decides between equal times.
pub(super) const LISTING: Listing = Listing {
    sql: include_str!("list.sql"),
    columns: &[
        ListColumn::of("sensor", ColumnKind::Text, "The name of the sensor."),
        ListColumn::of("timestamp", ColumnKind::Instant, "The time of the measurement."),
        ListColumn::of("value", ColumnKind::Float8, "The measured value."),
    ],
    key: &["timestamp", "sensor"],
    filters: &[
        ListFilter {
            name: "sensor",
            kind: ColumnKind::Text,
            about: "Only readings of this sensor.",
        },
        ListFilter {
            name: "from",
            kind: ColumnKind::Instant,
            about: "Only readings at this instant or later.",
        },
        ListFilter {
            name: "to",
            kind: ColumnKind::Instant,
            about: "Only readings before this instant.",
        },
    ],
};
