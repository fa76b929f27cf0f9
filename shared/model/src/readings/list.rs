//! `GET /v1/readings`.

use crate::listing::{Column, Filter, Kind, Listing};

/// The newest reading first; the sensor's name decides between equal instants.
pub(super) const LISTING: Listing = Listing {
    sql: include_str!("list.sql"),
    columns: &[
        Column::of("sensor", Kind::Text, "Name of the sensor."),
        Column::of("timestamp", Kind::Instant, "When it was measured."),
        Column::of("value", Kind::Float8, "What was measured."),
    ],
    key: &["timestamp", "sensor"],
    filters: &[
        Filter { name: "sensor", kind: Kind::Text, about: "Only this sensor." },
        Filter { name: "from", kind: Kind::Instant, about: "Measured at this instant or later." },
        Filter { name: "to", kind: Kind::Instant, about: "Measured before this instant." },
    ],
};
