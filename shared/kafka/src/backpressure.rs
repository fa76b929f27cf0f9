//! Backpressure on senders to the embedded broker. The broker drops the oldest records of a
//! partition with too many unread bytes, so senders wait for the consumer.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::future::BoxFuture;

use crate::TopicPartition;

/// The bytes that the embedded broker keeps of one partition before it drops the oldest records.
const PARTITION_BYTES_MAX: usize = 5 * 1024 * 1024;
/// The unread bytes of one partition at which senders wait. The limit is the embedded broker's own
/// limit, less the records in flight to it.
pub(crate) const UNREAD_BYTES_MAX: usize = PARTITION_BYTES_MAX - 1024 * 1024;
/// With at most this many unread bytes, a record of any length may be sent.
const ALMOST_NOTHING: usize = 64 * 1024;
/// The interval between reads of the group's offsets while a sender waits.
const ASK_EVERY: Duration = Duration::from_millis(20);

/// The next offset of each partition that the consumer group will read.
pub type Committed = BTreeMap<TopicPartition, i64>;

type Ask = Box<dyn Fn() -> BoxFuture<'static, Committed> + Send + Sync>;

/// Counts published records that are not read yet, and delays senders to the topics with too many
/// of them.
pub struct Backpressure {
    committed: Ask,
    backlog: Mutex<Backlog>,
}

impl Backpressure {
    /// Creates the limit. `committed` returns the committed offsets of the consumer group.
    pub fn new(
        committed: impl Fn() -> BoxFuture<'static, Committed> + Send + Sync + 'static,
    ) -> Self {
        Self { committed: Box::new(committed), backlog: Mutex::default() }
    }

    fn backlog(&self) -> MutexGuard<'_, Backlog> {
        self.backlog.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a record of `bytes` bytes that the broker has acknowledged.
    pub(crate) fn delivered(&self, topic: &str, partition: i32, offset: i64, bytes: usize) {
        self.backlog().add(topic, partition, offset, bytes);
    }

    /// Returns whether a record of `bytes` bytes has to wait.
    ///
    /// The partition of the record is not known yet, so the partition of the topic with the most
    /// unread bytes decides.
    pub(crate) fn holds(&self, topic: &str, bytes: usize) -> bool {
        let unread = self.backlog().fullest(topic);
        unread > ALMOST_NOTHING && unread + bytes > UNREAD_BYTES_MAX
    }

    /// Returns when a record of `bytes` bytes no longer has to wait.
    pub(crate) async fn released(&self, topic: &str, bytes: usize) {
        loop {
            let committed = (self.committed)().await;
            self.backlog().forget_read(&committed);
            if !self.holds(topic, bytes) {
                return;
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
    }
}

/// Published records that are not read yet, oldest first, by partition.
#[derive(Default)]
struct Backlog {
    topics: BTreeMap<String, BTreeMap<i32, Partition>>,
}

#[derive(Default)]
struct Partition {
    records: VecDeque<(i64, usize)>,
    bytes: usize,
}

impl Backlog {
    fn add(&mut self, topic: &str, partition: i32, offset: i64, bytes: usize) {
        if !self.topics.contains_key(topic) {
            self.topics.insert(topic.to_owned(), BTreeMap::new());
        }
        let Some(partitions) = self.topics.get_mut(topic) else { return };
        let unread = partitions.entry(partition).or_default();
        unread.records.push_back((offset, bytes));
        unread.bytes += bytes;
    }

    /// Removes the records below the committed offsets.
    fn forget_read(&mut self, committed: &Committed) {
        for (tp, next) in committed {
            let Some(unread) = self
                .topics
                .get_mut(&*tp.topic)
                .and_then(|partitions| partitions.get_mut(&tp.partition))
            else {
                continue;
            };
            while let Some((_, bytes)) = unread.records.pop_front_if(|(offset, _)| *offset < *next)
            {
                unread.bytes -= bytes;
            }
        }
    }

    /// Returns the unread bytes of the topic's partition with the most.
    fn fullest(&self, topic: &str) -> usize {
        self.topics
            .get(topic)
            .into_iter()
            .flat_map(BTreeMap::values)
            .map(|unread| unread.bytes)
            .max()
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    const MB: usize = 1024 * 1024;

    #[tokio::test]
    async fn a_partition_is_full_until_its_records_are_read() {
        let read =
            Committed::from([(TopicPartition::new("t", 1), 9), (TopicPartition::new("t", 0), 1)]);
        let limit = Backpressure::new(move || std::future::ready(read.clone()).boxed());
        for offset in 0..4 {
            assert!(!limit.holds("t", 100));
            limit.delivered("t", 0, offset, MB);
        }
        assert!(
            limit.holds("t", 100) && !limit.holds("other", 100),
            "a topic that is not read blocks only itself"
        );
        limit.released("t", 100).await;
        assert!(!limit.holds("t", 100));
        assert!(limit.holds("t", 2 * MB));
    }

    #[test]
    fn a_record_longer_than_the_room_goes_when_nothing_is_unread() {
        let limit = Backpressure::new(|| std::future::ready(Committed::new()).boxed());
        assert!(!limit.holds("t", 6 * MB));
        limit.delivered("t", 0, 0, MB);
        assert!(limit.holds("t", 4 * MB));
    }
}
