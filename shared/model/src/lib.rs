#![doc = include_str!("../README.md")]

pub mod builds;
pub mod cdevents;
pub mod cloud_event;
pub mod columns;
pub mod copy_rows;
mod error_class;
pub mod events;
pub mod index_entry;
pub mod json_text;
mod kafka_batch;
mod kafka_json;
pub mod listing;
mod model;
pub mod models;
mod outcome;
pub mod pointer;
mod problems;
pub mod readings;
pub mod record;
pub mod sample;
pub mod time;
mod topic_settings;
mod topics;
pub mod value;

pub use error_class::ErrorClass;
pub use kafka_batch::{BatchError, KafkaBatch, checksum_of};
pub use model::{
    Chosen, Copy, DayNumber, Migration, Model, Position, ProjectionKind, Rows, Statement, Table,
};
pub use models::Models;
pub use outcome::{Event, Outcome, Rejection, excerpt};
pub use problems::Problems;
pub use record::{Header, Headers, Record, SchemaFormat, ValueSchema};
pub use time::Micros;
pub use topic_settings::{TopicBindings, TopicFields, TopicsConfig, TopicsError, default_topics};
pub use topics::{EventFields, Topics};
pub use value::{DecodeError, Decoder};
