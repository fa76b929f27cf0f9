#![doc = include_str!("../README.md")]

pub mod body;
pub mod files;
pub mod intake;
mod limits;
mod routes;
pub mod sources;
pub mod splitting;

pub use limits::CollectLimits;
pub use routes::{CollectState, Uploads, routes};
pub use sources::{Sources, SourcesConfig};
