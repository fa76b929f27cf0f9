#![doc = include_str!("../README.md")]
#![allow(
    clippy::disallowed_methods,
    reason = "this crate is where a real clock, PATH and processes come in"
)]

mod account;
mod binaries;
mod error;
mod fetch;
mod initdb;
mod launch;
mod leftover;
mod locate;
mod lock;
mod options;
mod paths;
mod process;
mod secret;
mod server;
mod server_log;

pub use error::Error;
pub use fetch::FETCHED_VERSION;
pub use lock::is_in_use;
pub use options::Options;
pub use secret::write_secret;
pub use server::Server;
