//! What an event is: the Kafka event that Lambda hands over, decoded, and the models. No I/O in here:
//! bytes in, batch out, tested with files.
//!
//! The way of a record through this crate:
//! 1. [`KafkaBatch::parse`] reads the event JSON, decodes base64 into one arena and takes checksums.
//! 2. [`value::open`] takes a registry's frame off a value, or asks a [`Decoder`] for its JSON.
//! 3. The [`Model`] bound to the topic ([`Topics`]) makes an [`Outcome`] of it and keeps its typed row.
//! 4. [`Rows::upsert`] gives the statements that bring the model's projection up to date.
//!
//! **How to add a model**: a folder beside `readings/` with the struct that implements [`Model`], its
//! `upsert.sql`, and one line in [`models::builtin`]; then one file in `migrations/`.

pub mod builds;
pub mod cdevents;
pub mod cloud_event;
pub mod columns;
pub mod copy_rows;
pub mod events;
pub mod json_text;
mod kafka_batch;
mod kafka_json;
pub mod listing;
mod model;
pub mod models;
mod outcome;
pub mod pointer;
pub mod readings;
pub mod record;
pub mod sample;
pub mod time;
mod topic_settings;
mod topics;
pub mod value;

pub use kafka_batch::{BatchError, KafkaBatch};
pub use model::{Chosen, Copy, Day, Kind, Migration, Model, Position, Rows, Statement, Table};
pub use models::Models;
pub use outcome::{Event, Outcome, Rejection, excerpt};
pub use record::{Header, Headers, Record, SchemaFormat, ValueSchema};
pub use time::Micros;
pub use topic_settings::{TopicBindings, TopicFields, TopicsConfig, TopicsError, default_topics};
pub use topics::{EventFields, Topics};
pub use value::{DecodeError, Decoder};
