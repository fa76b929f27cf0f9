//! The log: every stored record that is not a failure, with its value as it was received.
//!
//! This module is the only one that names the log's tables. Everything else reads and changes the
//! log through it, or reads the schema `api`, so the layout is a matter of this module alone.
//! Plugins may also read the view `public.events`.
//!
//! | to | use |
//! | --- | --- |
//! | append records | [`Append`] |
//! | compare with the stored checksums | [`CHECKSUMS`], [`checksum_at`], [`NEAREST`] |
//! | read a range in the order of the coordinates | [`LogReader`], [`count`] |
//! | read one record by its coordinates | [`record_at`], [`EVENT`] |
//! | list the newest events | [`NEWEST_NARROW_EVENTS`], [`NEWEST_EVENTS`] |
//! | list the events of an entity | [`NARROW_EVENTS_OF_ENTITY`], [`EVENTS_OF_ENTITY`] |
//! | list a page of events | [`PAGE_EVENTS`], [`NEAR_EVENTS`] |
//! | list all events | [`EVENTS`], [`MERGED_EVENTS`] |
//! | change what a model derived from a record | [`promote`], [`rewrite_problems`] |
//! | count by partition | [`RECONCILE`] |
//! | dump a day | [`RELATION`], [`DAY`], [`KEY`], [`NOT_NULL`], [`STREAMS_OF_DAY`] |
//! | restore a day | [`BEGIN_RESTORE`], [`END_RESTORE`] |
//! | list, describe and drop months | [`months`] |
//! | pack closed hours | [`pack`] |

mod append;
mod checksums;
pub(crate) mod months;
pub(crate) mod pack;
mod packer;
mod reader;
mod record;
mod rewrite;

pub(crate) use append::{Append, AppendRow, AppendStatements, Appended};
pub(crate) use checksums::{CHECKSUMS, NEAREST, checksum_at, checksum_of};
pub use reader::LogPosition;
pub(crate) use reader::{LogReader, count};
pub(crate) use record::{LogRecord, record_at};
pub(crate) use rewrite::{NewProblems, promote, rewrite_problems};

/// The relation whose rows are dumped.
pub const RELATION: &str = "event_values";

/// The column of the relation that decides the day of a record. All records of a packed row arrived
/// in the same hour, so the row decides it.
pub const DAY: &str = "row_arrived_at";

/// The columns of the relation that are not values of a record, and are not dumped.
pub const OF_ROW: [&str; 8] = [
    "type_id",
    "packed",
    "row_first",
    "row_last",
    "row_arrived_at",
    "row_oldest",
    "row_newest",
    "row_entities",
];

/// The columns that order a dump and identify a record, of which no other record has the same.
pub const KEY: [&str; 4] = ["stream", "partition", "offset", "arrived_at"];

/// The columns without nulls. The relation is a view, so the database does not know them.
pub const NOT_NULL: [&str; 7] =
    ["stream", "partition", "offset", "arrived_at", "timestamp_ms", "checksum", "outcome"];

/// Creates a temporary table for the rows of a dump: `restored_rows`, with the columns of the
/// relation and the topic.
pub const BEGIN_RESTORE: &str = "-- begin_restore\nCREATE TEMPORARY TABLE restored_rows ON COMMIT \
    DROP AS SELECT e.*, '' AS topic FROM events e WITH NO DATA";

/// Moves the rows from `restored_rows` into the log, and drops that table.
pub const END_RESTORE: &str =
    "-- end_restore_of_log\nSELECT move_log_rows('restored_rows'); DROP TABLE restored_rows";

/// One event by `$1` topic, `$2` stream's id or null, `$3` partition and `$4` offset.
pub const EVENT: &str = include_str!("sql/get_event.sql");

/// All events that pass the filters, the newest first. The file names the parameters.
pub const EVENTS: &str = include_str!("sql/list_events.sql");

/// The same for any filters except partition, entity and findings, without sorting the events of
/// common types. The planner needs `enable_sort = off`. The parameters are those of [`EVENTS`].
pub const MERGED_EVENTS: &str = include_str!("sql/merge_events.sql");

/// A page of events with any filters except partition, entity and findings. It reads nothing else.
/// The parameters are those of [`EVENTS`].
pub const PAGE_EVENTS: &str = include_str!("sql/page_events.sql");

/// A page of events with any filters, if the newest events have a whole one. The parameters are
/// those of [`EVENTS`].
pub const NEAR_EVENTS: &str = include_str!("sql/near_events.sql");

/// The page of [`NEWEST_EVENTS`], faster and with the same parameters. Returns no row if a packed
/// row may have an event of the page.
pub const NEWEST_NARROW_EVENTS: &str = include_str!("sql/newest_narrow_events.sql");

/// The newest events without a filter: `$1` limit, `$2` number of events to leave out. Events
/// without a time are not among them.
pub const NEWEST_EVENTS: &str = include_str!("sql/newest_events.sql");

/// The events of [`EVENTS_OF_ENTITY`], faster and with the same parameters. Returns no row for an
/// entity that a packed row may have.
pub const NARROW_EVENTS_OF_ENTITY: &str = include_str!("sql/narrow_events_of_entity.sql");

/// The newest events of one entity: `$1` limit, `$2` number of events to leave out, `$3` entity.
/// Returns no row for an entity with very many events.
pub const EVENTS_OF_ENTITY: &str = include_str!("sql/events_of_entity.sql");

/// The topics with records that arrived between `$1` and `$2`, and their streams.
pub const STREAMS_OF_DAY: &str = include_str!("sql/streams_of_day.sql");

/// The settled offsets, the gaps and the number of stored records of each partition.
pub(crate) const RECONCILE: &str = include_str!("sql/reconcile.sql");
