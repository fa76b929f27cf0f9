//! What a lane asks the broker beside polling.

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

use super::{assignment::LaneContext, status::Shared};

/// How long one question waits.
const ASK_TIMEOUT: Duration = Duration::from_secs(2);

/// How long new partitions wait for their offsets, well below `max.poll.interval.ms` (5 minutes).
const ASSIGNED_TIMEOUT: Duration = Duration::from_mins(1);

/// Pause between two tries.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// Where a new partition stands.
pub(super) struct Standing {
    pub at: TopicPartition,
    /// The group's committed offset, if there is one.
    pub committed: Option<i64>,
    /// The first offset that the broker still has.
    pub low: i64,
}

/// Asks where `partitions` stand, again and again while the broker is away.
///
/// Without these two numbers a loss could not be told from a beginning; so nothing is read before.
/// `None` after a minute, or when the poller stops.
pub(super) fn standings(consumer: &BaseConsumer<LaneContext>, partitions: &[TopicPartition], shared: &Shared) -> Option<Vec<Standing>> {
    let started = Instant::now();
    loop {
        match ask(consumer, partitions) {
            Ok(standings) => return Some(standings),
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

fn ask(consumer: &BaseConsumer<LaneContext>, partitions: &[TopicPartition]) -> KafkaResult<Vec<Standing>> {
    let list = list(partitions.iter());
    let committed = consumer.committed_offsets(list, ASK_TIMEOUT)?;
    let mut standings = Vec::with_capacity(partitions.len());
    for at in partitions {
        let element = committed.find_partition(&at.topic, at.partition);
        let committed = match element.map(|element| element.offset()) {
            Some(Offset::Offset(next)) => Some(next),
            _ => None,
        };
        standings.push(Standing { at: at.clone(), committed, low: low(consumer, at)? });
    }
    Ok(standings)
}

/// The first offset that the broker still has.
pub(super) fn low(consumer: &BaseConsumer<LaneContext>, at: &TopicPartition) -> KafkaResult<i64> {
    consumer.fetch_watermarks(&at.topic, at.partition, ASK_TIMEOUT).map(|(low, _)| low)
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
