//! Retries of one record, which is a failure or an event of the log, and the discarding of
//! failures.
//!
//! Each retry locks the record's partition as ingest does, and reads in a later statement. So two
//! concurrent retries, or a retry and a redelivery, store a record once.

mod discard;
mod event;
mod failure;
mod place;

pub use discard::discard;
pub use event::event;
pub use failure::failure;
pub use place::place_of;

pub use crate::RecordCoordinates;

/// The result of a retry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Retried {
    /// The record is an event, stored and projected.
    Acknowledged,
    /// The model skipped the record, or it repeats the content of another one in a topic with
    /// --dedupe. It is in the log with the reason.
    Skipped,
    /// The record was already in the log; the failure was deleted.
    AlreadyStored,
    /// The record was refused again. Nothing changed, except for a failure's attempts and reason.
    Refused {
        /// The class of the fault, for grouping.
        class: String,
        /// One line for people.
        message: String,
    },
    /// The topic has no model; nothing changed.
    Unbound,
    /// No record has these coordinates, or the failure was discarded.
    NotFound,
}
