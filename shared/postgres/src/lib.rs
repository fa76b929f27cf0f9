//! A PostgreSQL server of our own: found on the machine or fetched, started on loopback, stopped
//! when we go.
//!
//! Beside the data folder `D` lie `D.log` (the server's log), `D.lock` (held while a program uses
//! the data), `D-password` (readable by its owner only) and, while a new one is made, `D.new`.
//!
//! The server listens on 127.0.0.1 only, asks for the password always and has no socket file. It
//! runs in a process group of its own, so that a Ctrl-C in the terminal reaches the program that
//! uses it and not the server: the program finishes its work and then stops the server.
//!
//! ```no_run
//! # async fn example() -> Result<(), weir_postgres::Error> {
//! use weir_postgres::{Options, Server};
//!
//! let server = Server::start(Options::new(".weir/postgres")).await?;
//! server.create_database("weir").await?;
//! println!("{}", server.url("weir"));
//! server.stop().await
//! # }
//! ```
#![allow(clippy::disallowed_methods, reason = "this crate is where a real clock, PATH and processes come in")]

mod account;
mod binaries;
mod error;
mod fetch;
mod initdb;
mod launch;
mod leftover;
mod log;
mod options;
mod place;
mod process;
mod server;

pub use error::Error;
pub use fetch::FETCHED_VERSION;
pub use options::Options;
pub use place::is_in_use;
pub use server::Server;
