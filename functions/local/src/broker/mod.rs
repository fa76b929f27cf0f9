//! Kafka as the local program sees it: a small broker inside the process for trying out, and the three things
//! every broker is asked for: produce, where does a partition begin and end, how far did a group commit.
//!
//! The embedded broker is librdkafka's mock cluster. It keeps about 5 MB of a partition, drops the oldest
//! without a word, and forgets topics, records and committed offsets when it stops. A topic made by a client
//! on first use gets 4 partitions: librdkafka has no setting for that number, so every topic of the
//! configuration is made ahead with [`PARTITIONS_DEFAULT`].

mod cluster;
mod embedded;
mod error;
mod forward;
mod holes;
mod offsets;
#[cfg(test)]
mod tests;
mod unread;

use std::{fmt, sync::Arc};

pub use embedded::EmbeddedBroker;
pub use error::BrokerError;
pub use holes::first_records;
pub use offsets::{CommittedOffset, PartitionOffsets, Watermarks, committed, watermarks};
pub use unread::Unread;
pub(crate) use weir_collect::kafka::{QuietContext, client_config, log_line};
pub use weir_collect::{
    Record,
    kafka::{Delivered, KafkaProducer as Producer},
};

/// Partitions of a topic of the embedded broker, unless the caller asks for another number.
pub const PARTITIONS_DEFAULT: i32 = 16;

/// What the embedded broker keeps of one partition before it drops the oldest records, in bytes.
pub const EMBEDDED_PARTITION_BYTES_MAX: usize = 5 * 1024 * 1024;

/// One partition of one topic; sorts by topic, then partition, and prints as `topic-partition`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    /// The topic's name.
    pub topic: Arc<str>,
    /// The partition's number, from 0.
    pub partition: i32,
}

impl TopicPartition {
    /// Names partition `partition` of `topic`.
    pub fn new(topic: &str, partition: i32) -> Self {
        Self { topic: topic.into(), partition }
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}
