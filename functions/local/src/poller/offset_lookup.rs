//! Requests a worker's offsets from the broker.

use std::{collections::BTreeMap, time::Duration};

use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::KafkaResult,
    topic_partition_list::TopicPartitionListElem,
};
use weir_kafka::TopicPartition;

use super::assignment::WorkerContext;

/// The timeout of one request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(2);

/// The offsets at which a newly assigned partition can start.
pub(super) struct StartOffsets {
    pub at: TopicPartition,
    /// The group's committed offset, if there is one.
    pub committed: Option<i64>,
    /// The first offset that the broker still has.
    pub low: i64,
    /// The offset after the last record that a consumer can get.
    pub high: i64,
}

/// Returns the start offsets of `partitions`. No record is read before: without these offsets a
/// loss could not be told from a start.
pub(super) fn start_offsets(
    consumer: &BaseConsumer<WorkerContext>,
    partitions: &[TopicPartition],
) -> KafkaResult<Vec<StartOffsets>> {
    let list = list(partitions.iter());
    let committed = consumer.committed_offsets(list, REQUEST_TIMEOUT)?;
    let mut found = Vec::with_capacity(partitions.len());
    for at in partitions {
        let element = committed.find_partition(&at.topic, at.partition);
        let committed = match element.map(|element| element.offset()) {
            Some(Offset::Offset(next)) => Some(next),
            _ => None,
        };
        let (low, high) = consumer.fetch_watermarks(&at.topic, at.partition, REQUEST_TIMEOUT)?;
        found.push(StartOffsets { at: at.clone(), committed, low, high });
    }
    Ok(found)
}

/// Returns the first offset that the broker still has.
pub(super) fn low(consumer: &BaseConsumer<WorkerContext>, at: &TopicPartition) -> KafkaResult<i64> {
    consumer.fetch_watermarks(&at.topic, at.partition, REQUEST_TIMEOUT).map(|(low, _)| low)
}

/// Moves all partitions to these offsets, or returns an error.
pub(super) fn seek(
    consumer: &BaseConsumer<WorkerContext>,
    to: &BTreeMap<TopicPartition, i64>,
) -> KafkaResult<()> {
    if to.is_empty() {
        return Ok(());
    }
    let moved = consumer.seek_partitions(offsets(to)?, REQUEST_TIMEOUT)?;
    moved.elements().iter().try_for_each(TopicPartitionListElem::error)
}

/// Returns the partitions as librdkafka's list, without offsets.
pub(super) fn list<'a>(partitions: impl Iterator<Item = &'a TopicPartition>) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for at in partitions {
        list.add_partition(&at.topic, at.partition);
    }
    list
}

/// Returns the partitions as librdkafka's list, with the offsets to commit.
pub(super) fn offsets(next: &BTreeMap<TopicPartition, i64>) -> KafkaResult<TopicPartitionList> {
    let mut list = TopicPartitionList::with_capacity(next.len());
    for (at, next) in next {
        list.add_partition_offset(&at.topic, at.partition, Offset::Offset(*next))?;
    }
    Ok(list)
}
