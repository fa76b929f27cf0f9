#![doc = include_str!("../README.md")]

mod archive;
mod config;
mod copy_format;
mod error;
mod freshness;
mod handler;
mod one_day;
mod query;
mod read;
mod restore;
mod retention;
mod row_stats;
mod run;
mod settings;
mod status;
mod table;
mod timestamp_text;
mod verify;
mod write;

pub use config::DumpConfig;
pub use error::DumpError;
pub use freshness::{DayState, Standing, compact_changes};
pub use handler::{Answer, Handler, Scheduled};
pub use read::Snapshot;
pub use restore::restore;
pub use retention::{
    ForcedMonth, SeriesState, end_long_readers, forced_months, housekeeping, older_than, retain,
    series_states,
};
pub use run::{Done, Dumper, Outcome, Progress, Which};
pub use settings::FunctionSettings;
pub use status::status;
pub use verify::{Found, verify};

/// The name of the model that is dumped from the log.
const LOG: &str = "events";
/// The name of this program in manifests.
const WRITER: &str = concat!("weir ", env!("CARGO_PKG_VERSION"));
