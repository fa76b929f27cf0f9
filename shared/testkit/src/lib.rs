#![doc = include_str!("../README.md")]
#![allow(clippy::disallowed_methods, reason = "tests run on the real clock and environment")]

mod admin;
mod crashable;
mod database;
mod emulator;
mod events;
mod eventually;
mod folder;
pub mod kafka_event;
mod kafka_proxy;
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
pub use kafka_proxy::{counted_broker, old_broker};
pub use logged::logged;
pub use pooler::{Pooler, pooler};
pub use port::{connects_once, free_port};
pub use postgres::{Postgres, postgres};
pub use proxy::{Action, Proxy, Step};
pub use runtime_api::{FunctionError, RuntimeApi};
