//! Tests of the crate's public interface.

mod builds_columns;
mod builds_order;
mod cdevents;
mod checksum;
mod cross_check;
mod events;
mod frames;
mod json_text;
mod kafka_event;
mod kafka_oddities;
mod odd_records;
mod readings;
mod settings;
mod support;
mod time;
