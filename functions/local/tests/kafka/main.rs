//! `weir --kafka --database-url` with a real Apache Kafka and an external PostgreSQL. Start the
//! tests with `bash tests/external/kafka/run`.

#[path = "../common/mod.rs"]
mod common;

mod apache;
mod backlog;
mod collecting;
mod durability;
mod histories;
mod identity;
mod one_of_many;
mod secured;
mod stories;
mod topics;

/// The program that the common modules start.
const PROGRAM: &str = env!("CARGO_BIN_EXE_weir");
