//! The documentation against the code: generated pages, and links.

mod cli;
mod codes;
mod configuration;
mod costs;
mod generated;
mod links;
mod log_lines;
mod markdown;

use std::path::PathBuf;

fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}
