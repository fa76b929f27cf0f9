//! Daily dumps: a day of every model into files, and back.
//!
//! The way of a day ([`one_day`]):
//! 1. a lock, and the note that the day is stale from here on ([`stale`], with the argument why no change goes unnoticed);
//! 2. binary COPY out of one REPEATABLE READ snapshot, in the order of the primary key ([`snapshot`], [`source`], [`slices`],
//!    [`reading`], [`rows`]);
//! 3. each batch of rows to every format's encoder at once, a thread each ([`encode`], [`pump`]), their bytes to uploads that stand under
//!    their names whole or not at all (`weir_blob`);
//! 4. the manifest, last; the note in which snapshot the rows were read.
//!
//! [`restore`] goes the way back through [`decode`], [`verify`] goes half of it and compares. A new model needs no line here: what is
//! dumped is its table as the database describes it.

pub mod config;
pub mod decode;
pub mod encode;
mod error;
mod fetch;
pub mod handler;
pub mod instant;
pub mod keep;
pub mod ledger;
pub mod one_day;
pub mod pump;
pub mod reading;
pub mod restore;
pub mod rows;
pub mod run;
pub mod slices;
pub mod snapshot;
pub mod source;
pub mod stale;
pub mod status;
pub mod verify;

pub use config::DumpConfig;
pub use error::DumpError;
pub use handler::{Handler, Scheduled};
pub use run::{Dumper, Outcome, Progress, Which};

/// The model whose rows are the log's.
pub const LOG: &str = "events";
/// What manifests say of the program.
pub const WRITER: &str = concat!("weir ", env!("CARGO_PKG_VERSION"));
