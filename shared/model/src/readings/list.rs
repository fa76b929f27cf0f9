//! `GET /v1/readings`.

use crate::listing::{ColumnKind, ListColumn, ListFilter, Listing};

/// Sorts by time, the newest reading first. The sensor's name decides between equal times.
pub(super) const LISTING: Listing = Listing {
    sql: include_str!("list.sql"),
    columns: &[
        ListColumn::of("sensor", ColumnKind::Text, "Name of the sensor."),
        ListColumn::of("timestamp", ColumnKind::Instant, "When it was measured."),
        ListColumn::of("value", ColumnKind::Float8, "What was measured."),
    ],
    key: &["timestamp", "sensor"],
    filters: &[
        ListFilter { name: "sensor", kind: ColumnKind::Text, about: "Only this sensor." },
        ListFilter {
            name: "from",
            kind: ColumnKind::Instant,
            about: "Measured at this instant or later.",
        },
        ListFilter {
            name: "to",
            kind: ColumnKind::Instant,
            about: "Measured before this instant.",
        },
    ],
};
