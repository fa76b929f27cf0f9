//! Offsets that a worker asks the broker for.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::KafkaResult,
};
use weir_kafka::TopicPartition;

use super::{assignment::WorkerContext, status::SharedStatus};

/// How long one request waits.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(2);

/// How long new partitions wait for their offsets, well below `max.poll.interval.ms` (5 minutes).
const ASSIGNED_TIMEOUT: Duration = Duration::from_mins(1);

/// Pause between two tries.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// Where reading of a newly assigned partition may start.
pub(super) struct StartOffsets {
    pub at: TopicPartition,
    /// The group's committed offset, if there is one.
    pub committed: Option<i64>,
    /// The first offset that the broker still has.
    pub low: i64,
}

/// Returns the start offsets of `partitions`; retries while the broker is away.
///
/// Without these two numbers a loss looks like a beginning; so no record is read before.
/// `None` after a minute, or when the poller stops.
pub(super) fn start_offsets(
    consumer: &BaseConsumer<WorkerContext>,
    partitions: &[TopicPartition],
    shared: &SharedStatus,
) -> Option<Vec<StartOffsets>> {
    let started = Instant::now();
    loop {
        match try_start_offsets(consumer, partitions) {
            Ok(found) => return Some(found),
            Err(error) if started.elapsed() > ASSIGNED_TIMEOUT => {
                tracing::warn!("kafka did not tell its offsets ({error}): run `weir reconcile` to see whether records were lost");
                return None;
            }
            Err(error) => tracing::debug!("kafka did not tell its offsets: {error}"),
        }
        if shared.is_stopping() {
            return None;
        }
        std::thread::sleep(RETRY_AFTER);
    }
}

fn try_start_offsets(consumer: &BaseConsumer<WorkerContext>, partitions: &[TopicPartition]) -> KafkaResult<Vec<StartOffsets>> {
    let list = list(partitions.iter());
    let committed = consumer.committed_offsets(list, REQUEST_TIMEOUT)?;
    let mut found = Vec::with_capacity(partitions.len());
    for at in partitions {
        let element = committed.find_partition(&at.topic, at.partition);
        let committed = match element.map(|element| element.offset()) {
            Some(Offset::Offset(next)) => Some(next),
            _ => None,
        };
        found.push(StartOffsets { at: at.clone(), committed, low: low(consumer, at)? });
    }
    Ok(found)
}

/// The first offset that the broker still has.
pub(super) fn low(consumer: &BaseConsumer<WorkerContext>, at: &TopicPartition) -> KafkaResult<i64> {
    consumer.fetch_watermarks(&at.topic, at.partition, REQUEST_TIMEOUT).map(|(low, _)| low)
}

/// Partitions as librdkafka takes them, without offsets.
pub(super) fn list<'a>(partitions: impl Iterator<Item = &'a TopicPartition>) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for at in partitions {
        list.add_partition(&at.topic, at.partition);
    }
    list
}

/// Partitions with the offsets to commit.
pub(super) fn offsets(next: &BTreeMap<TopicPartition, i64>) -> KafkaResult<TopicPartitionList> {
    let mut list = TopicPartitionList::with_capacity(next.len());
    for (at, next) in next {
        list.add_partition_offset(&at.topic, at.partition, Offset::Offset(*next))?;
    }
    Ok(list)
}
