//! `weir --kafka --database-url`: a real Apache Kafka and a given PostgreSQL. Run it with `bash tests/kafka/run`.

#[path = "../common/mod.rs"]
mod common;

mod apache;
mod backlog;
mod collecting;
mod stories;
