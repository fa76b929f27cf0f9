//! Dumps to a real S3 server, through a proxy that answers 5xx, cuts connections and loses answers.

#[path = "../common/mod.rs"]
mod common;

mod archive;
mod faults;
mod proxy;
mod server;
mod stories;

/// The program that the common modules start.
const PROGRAM: &str = env!("CARGO_BIN_EXE_weir");
