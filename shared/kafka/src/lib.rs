#![doc = include_str!("../README.md")]

mod backpressure;
mod client;
mod config;
mod embedded;
mod error;
mod iam;
mod message;
mod msk;
mod offset_holes;
mod offsets;
mod partition;
mod producer;
mod receipt;
mod topics;

pub use backpressure::{Backpressure, Committed};
pub use client::{QuietContext, client_config, log_line};
pub use config::{KafkaConfig, KafkaProperty};
pub use embedded::{EmbeddedBroker, PARTITIONS_DEFAULT};
pub use error::BrokerError;
pub use iam::token_for;
pub use message::{Message, OutgoingHeader, OutgoingRecord};
pub use msk::MskConfig;
pub use offset_holes::first_records;
pub use offsets::{CommittedOffset, PartitionOffsets, Watermarks, committed, watermarks};
pub use partition::TopicPartition;
pub use producer::{Delivered, ProduceError, Producer, Refused, settings as producer_settings};
pub use receipt::{Receipt, Settled};
pub use topics::{create_missing, create_missing_with_iam};
