//! `weir --kafka --database-url`: a real Apache Kafka and a given PostgreSQL. Run it with `bash
//! tests/external/kafka/run`.

#[path = "../common/mod.rs"]
mod common;

mod apache;
mod backlog;
mod collecting;
mod durability;
mod histories;
mod identity;
mod one_of_many;
mod stories;
mod topics;

/// What the common parts start.
const PROGRAM: &str = env!("CARGO_BIN_EXE_weir");
