//! Reads rows from the database: in one snapshot, in the order of the key, in batches.

mod batcher;
mod part;
mod read_rows;
mod slices;
mod snapshot;

pub(crate) use part::{Part, parts};
pub(crate) use read_rows::read_rows;
pub use snapshot::Snapshot;
pub(crate) use snapshot::{current, open_second};
