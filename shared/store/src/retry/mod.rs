//! One record once more: a failure, or an event of the log; and failures that somebody gives up.
//!
//! Each locks the record's partition as ingest does, and reads in a later statement: two retries at
//! once, or a retry and a redelivery, store a record once.

mod discard;
mod event;
mod failure;
mod place;

pub use discard::discard;
pub use event::event;
pub use failure::failure;
pub use place::{RecordCoordinates, place_of};

/// What became of a retry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Retried {
    /// It is an event, stored and projected.
    Acknowledged,
    /// It is none for its model, or a repeat of content in a topic with --dedupe: logged with the
    /// reason.
    Skipped,
    /// The log had it already; it is no failure any more.
    AlreadyStored,
    /// It was refused once more, and everything stays as it was, but for a failure's attempts and
    /// reason.
    Refused {
        /// The kind of fault, for grouping.
        class: String,
        /// One line for a person.
        message: String,
    },
    /// No model is bound to its topic; everything stays as it was.
    Unbound,
    /// There is none at this place, or it was discarded.
    NotFound,
}
