//! Tests across the functions, with real components.

mod cdevents;
mod cloud_events;
mod concurrency;
mod connections;
mod decoders;
mod dedupe;
mod dumps;
mod every_model;
mod first_steps;
mod groups;
mod ledger;
mod migrations;
mod odd_records;
mod order;
mod plugins;
mod positions;
mod problems;
mod reader_wall;
mod redelivery;
mod refused;
mod releases;
mod replay;
mod retention;
mod retry;
mod roles;
mod schema;
