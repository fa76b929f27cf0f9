//! The log: every stored record that is not a failure, with its value as it was received.
//!
//! This module is the only one that names the log's tables. Everything else reads and changes the
//! log through it, or reads the schema `api`, so the layout is a matter of this module alone.
//! Plugins may also read the table `public.events`.
//!
//! | to | use |
//! | --- | --- |
//! | append records | [`Append`] |
//! | compare with the stored checksums | [`CHECKSUMS`], [`checksum_at`], [`NEAREST`] |
//! | read a range in the order of the coordinates | [`LogReader`], [`count`] |
//! | read one record by its coordinates | [`record_at`], [`EVENT`] |
//! | list the newest events | [`EVENTS`], [`NEWEST_EVENTS`], [`EVENTS_OF_ENTITY`] |
//! | change what a model derived from a record | [`promote`], [`rewrite_problems`] |
//! | count by partition | [`RECONCILE`] |
//! | dump a day, and restore it | [`RELATION`], [`DAY`], [`STREAMS_OF_DAY`] |
//! | list, describe and drop months | [`months`] |

mod append;
mod checksums;
pub(crate) mod months;
mod reader;
mod record;
mod rewrite;

pub(crate) use append::{Append, AppendRow};
pub(crate) use checksums::{CHECKSUMS, NEAREST, checksum_at, checksum_of};
pub(crate) use reader::{LogReader, count};
pub(crate) use record::{LogRecord, record_at};
pub(crate) use rewrite::{NewProblems, promote, rewrite_problems};

/// The relation whose rows are dumped and restored, with all columns of a record.
pub const RELATION: &str = "events";

/// The column that decides the day of a record.
pub const DAY: &str = "arrived_at";

/// One event by `$1` topic, `$2` stream's id or null, `$3` partition and `$4` offset.
pub const EVENT: &str = include_str!("sql/get_event.sql");

/// A page of events, the newest first. The file names the parameters.
pub const EVENTS: &str = include_str!("sql/list_events.sql");

/// The newest events without a filter: `$1` limit, `$2` number of events to leave out.
pub const NEWEST_EVENTS: &str = include_str!("sql/newest_events.sql");

/// The newest events of one entity: `$1` limit, `$2` number of events to leave out, `$3` entity.
pub const EVENTS_OF_ENTITY: &str = include_str!("sql/events_of_entity.sql");

/// The topics with records that arrived between `$1` and `$2`, and their streams.
pub const STREAMS_OF_DAY: &str = include_str!("sql/streams_of_day.sql");

/// The settled offsets, the gaps and the number of stored records of each partition.
pub(crate) const RECONCILE: &str = include_str!("sql/reconcile.sql");
