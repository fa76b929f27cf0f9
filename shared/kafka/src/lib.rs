#![doc = include_str!("../README.md")]

mod backpressure;
mod client;
mod config;
mod embedded;
mod error;
mod message;
mod msk;
mod offset_holes;
mod offsets;
mod partition;
mod producer;
mod receipt;
mod token;
mod topics;
mod unreadable;

pub use backpressure::{Backpressure, Committed};
pub use client::{QuietContext, client_config, log_line};
pub use config::{KafkaConfig, KafkaProperty};
pub use embedded::{EmbeddedBroker, PARTITIONS_DEFAULT};
pub use error::BrokerError;
pub use message::{Message, OutgoingHeader, OutgoingRecord};
pub use msk::MskConfig;
pub use offset_holes::{FirstRecords, first_records};
pub use offsets::{
    CommittedOffset, PartitionOffsets, Watermarks, commit_first, committed, watermarks,
    watermarks_of,
};
pub use partition::TopicPartition;
pub use producer::{Delivered, ProduceError, Producer, Refused, settings as producer_settings};
pub use receipt::{Receipt, Settled};
pub use token::{Tokens, with_iam};
pub use topics::{
    EpochEnd, Leader, TopicIdentity, TopicLookup, TopicState, create_missing, epoch_ends, identify,
    without_own_requests,
};
pub use unreadable::{is_lasting, unreadable};
