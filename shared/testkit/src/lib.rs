//! For tests only: a PostgreSQL per test program, a database per test, a server to crash, a proxy
//! that cuts the wire at a chosen message, an emulated Lambda Runtime API and Kafka events.
//!
//! A missing PostgreSQL is a failure with the way to get it, never a skipped test. To test
//! another version, name its folder in `WEIR_TEST_POSTGRES_BIN`.
//!
//! Nothing here holds a connection or a timer of another test's runtime: every `#[tokio::test]`
//! has its own, and it ends with the test.
#![allow(clippy::disallowed_methods, reason = "tests run on the real clock and environment")]

mod admin;
mod crashable;
mod database;
mod emulator;
mod events;
mod eventually;
mod folder;
pub mod kafka_event;
mod logged;
mod pooler;
mod port;
mod postgres;
pub mod proxy;
pub mod runtime_api;
pub mod template;

pub use crashable::Crashable;
pub use database::Database;
pub use emulator::Emulator;
pub use events::sample_event;
pub use eventually::{PATIENCE, eventually};
pub use kafka_event::{Field, KafkaEvent, Record};
pub use logged::logged;
pub use pooler::{Pooler, pooler};
pub use port::{connects_once, free_port};
pub use postgres::{Postgres, postgres};
pub use proxy::{Action, Proxy, Step};
pub use runtime_api::{FunctionError, RuntimeApi};
