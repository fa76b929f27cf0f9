//! Requests a worker's offsets from the broker.

use std::{collections::BTreeMap, time::Duration};

use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::{KafkaError, KafkaResult},
    topic_partition_list::TopicPartitionListElem,
};
use weir_kafka::{TopicPartition, watermarks_of};

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

/// Start offsets, and the partitions without them, each with its error.
pub(super) type FoundStarts = (Vec<StartOffsets>, Failed);

/// Partitions with their errors.
pub(super) type Failed = Vec<(TopicPartition, KafkaError)>;

/// Returns the start offsets of `partitions`. The worker calls this before it reads a record.
/// Without the start offsets, it could not know whether records were lost before its first record.
///
/// A partition without a leader, or of a deleted topic, is returned with its error. After the third
/// timeout the other partitions are in neither list, because the worker must poll again. Returns
/// `Err` when the committed offsets cannot be read, or when no partition has start offsets.
pub(super) fn start_offsets(
    consumer: &BaseConsumer<WorkerContext>,
    partitions: &[TopicPartition],
) -> KafkaResult<FoundStarts> {
    let list = list(partitions.iter());
    let committed = consumer.committed_offsets(list, REQUEST_TIMEOUT)?;
    let (mut found, mut failed) = (Vec::with_capacity(partitions.len()), Failed::new());
    for (at, answer) in partitions.iter().zip(watermarks_of(consumer, partitions, REQUEST_TIMEOUT))
    {
        let element = committed.find_partition(&at.topic, at.partition);
        let committed = match element.map(|element| element.offset()) {
            Some(Offset::Offset(next)) => Some(next),
            _ => None,
        };
        match answer {
            Ok((low, high)) => found.push(StartOffsets { at: at.clone(), committed, low, high }),
            Err(error) => failed.push((at.clone(), error)),
        }
    }
    if found.is_empty()
        && let Some((_, error)) = failed.pop()
    {
        return Err(error);
    }
    Ok((found, failed))
}

/// Returns the first offset that the broker still has.
pub(super) fn low(consumer: &BaseConsumer<WorkerContext>, at: &TopicPartition) -> KafkaResult<i64> {
    consumer.fetch_watermarks(&at.topic, at.partition, REQUEST_TIMEOUT).map(|(low, _)| low)
}

/// Moves partitions to these offsets. Returns the partitions that were not moved.
pub(super) fn seek(
    consumer: &BaseConsumer<WorkerContext>,
    to: &BTreeMap<TopicPartition, i64>,
) -> KafkaResult<Failed> {
    if to.is_empty() {
        return Ok(Failed::new());
    }
    let moved = consumer.seek_partitions(offsets(to)?, REQUEST_TIMEOUT)?;
    let failed = |element: &TopicPartitionListElem<'_>| {
        let error = element.error().err()?;
        Some((TopicPartition::new(element.topic(), element.partition()), error))
    };
    Ok(moved.elements().iter().filter_map(failed).collect())
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
