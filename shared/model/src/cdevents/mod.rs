//! `cdevents`: events about software delivery, as <https://cdevents.dev> specifies them (replaces
//! cdviz's database side).
//!
//! The table `cdevents` has one row per identity (source, id, type): the first event of the
//! identity by (record timestamp, stream, partition, offset). The table is partitioned by the time
//! of the events, so `cdevents_identities` keeps the identities unique. Further tables are updated
//! as events arrive. They hold the state of every thing that an event is about or names, the edges
//! between things, and the deployments. Each value in them is the greatest or the least of the
//! events' values, by the events' own time and identity. So neither the order of arrival nor
//! duplicates change them.

pub mod cid;
mod compose;
mod content;
pub mod convert;
mod digest;
mod event;
mod event_type;
mod graph;
mod list;
mod members;
mod rows;
mod sample_month;
mod subject_state;
pub mod submit;

use crate::{Micros, Model, ProjectionKind, Rows, Table, Topics, listing::Listing, sample::Sample};

pub use event::{CdEvent, default_source, read};
pub use event_type::EventType;
pub use graph::{Edge, Mention, purl_base};
pub use list::LISTING;
pub use rows::IDENTITY_REUSED;
pub use sample_month::{SEED, month};
pub use subject_state::PREDICATES;

/// The model `cdevents`.
#[derive(Debug, Default)]
pub struct CdEvents;

impl Model for CdEvents {
    fn name(&self) -> &'static str {
        "cdevents"
    }

    fn kind(&self) -> ProjectionKind {
        ProjectionKind::Series
    }

    fn rows<'a>(&'a self, _: &'a Topics) -> Box<dyn Rows<'a> + 'a> {
        Box::new(rows::CdEventRows::default())
    }

    fn clear(&self) -> Option<&'static str> {
        Some(include_str!("clear.sql"))
    }

    fn tables(&self) -> &'static [&'static str] {
        &[
            "cdevents",
            "cdevents_identities",
            "cdevents_subjects",
            "cdevents_edges",
            "cdevents_deployments",
            "cdevents_placements",
        ]
    }

    fn table(&self) -> Option<Table> {
        Some(Table {
            schema: None,
            name: "cdevents",
            day: Some("timestamp"),
            order: Some(&["id", "source", "type"]),
            after_restore: Some(include_str!("restore_identities.sql")),
            after_removal: Some(include_str!("forget_identities.sql")),
        })
    }

    fn default_topic(&self) -> Option<&'static str> {
        Some("cdevents")
    }

    fn listing(&self) -> Option<Listing> {
        Some(LISTING)
    }

    fn samples(&self, now: Micros) -> Vec<Sample> {
        month(SEED, now)
    }
}
