//! How much of each partition was published and not yet read: the embedded broker drops the oldest of what is too much.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use weir_collect::kafka::Brake;

use super::{EMBEDDED_PARTITION_BYTES_MAX, TopicPartition};

/// Unread bytes of one partition at which senders wait: under what the embedded broker keeps, less what is on its way to it.
const UNREAD_BYTES_MAX: usize = EMBEDDED_PARTITION_BYTES_MAX - 1024 * 1024;
/// A record of any length may be sent when so little is unread.
const ALMOST_NOTHING: usize = 64 * 1024;
/// How often it is asked how far the group is, while somebody waits.
const ASK_EVERY: Duration = Duration::from_millis(20);

/// The next offset of each partition that the reading group wants.
pub(crate) type Committed = BTreeMap<TopicPartition, i64>;

type Ask = Box<dyn Fn() -> BoxFuture<'static, Committed> + Send + Sync>;

/// Holds senders back while somebody reads.
pub struct Unread {
    committed: Ask,
    backlog: Mutex<Backlog>,
    /// Bytes of the partition that has most.
    fullest: AtomicUsize,
}

impl Unread {
    /// `committed` says how far the reading group is.
    pub fn new(committed: impl Fn() -> BoxFuture<'static, Committed> + Send + Sync + 'static) -> Self {
        Self { committed: Box::new(committed), backlog: Mutex::default(), fullest: AtomicUsize::new(0) }
    }

    fn change(&self, change: impl FnOnce(&mut Backlog)) {
        let mut backlog = self.backlog.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut backlog);
        self.fullest.store(backlog.fullest(), SeqCst);
    }
}

#[async_trait]
impl Brake for Unread {
    fn delivered(&self, topic: &str, partition: i32, offset: i64, bytes: usize) {
        self.change(|backlog| backlog.add(topic, partition, offset, bytes));
    }

    fn holds(&self, bytes: usize) -> bool {
        let unread = self.fullest.load(SeqCst);
        unread > ALMOST_NOTHING && unread + bytes > UNREAD_BYTES_MAX
    }

    async fn released(&self, bytes: usize) {
        loop {
            let committed = (self.committed)().await;
            self.change(|backlog| backlog.forget_read(&committed));
            if !self.holds(bytes) {
                return;
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
    }
}

/// Records published and not yet read, oldest first, by partition.
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

    /// Forgets every record below the offset that the group wants next.
    fn forget_read(&mut self, committed: &Committed) {
        for (tp, next) in committed {
            let Some(unread) = self.topics.get_mut(&*tp.topic).and_then(|partitions| partitions.get_mut(&tp.partition)) else { continue };
            while let Some((_, bytes)) = unread.records.pop_front_if(|(offset, _)| *offset < *next) {
                unread.bytes -= bytes;
            }
        }
    }

    fn fullest(&self) -> usize {
        self.topics.values().flat_map(BTreeMap::values).map(|unread| unread.bytes).max().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    const MB: usize = 1024 * 1024;

    #[tokio::test]
    async fn a_partition_is_full_until_its_records_are_read() {
        let read = Committed::from([(TopicPartition::new("t", 1), 9), (TopicPartition::new("t", 0), 1)]);
        let unread = Unread::new(move || std::future::ready(read.clone()).boxed());
        for offset in 0..4 {
            assert!(!unread.holds(100));
            unread.delivered("t", 0, offset, MB);
        }
        assert!(unread.holds(100));
        unread.released(100).await;
        assert!(!unread.holds(100));
        assert!(unread.holds(2 * MB));
    }

    #[test]
    fn a_record_longer_than_the_room_goes_when_nothing_is_unread() {
        let unread = Unread::new(|| std::future::ready(Committed::new()).boxed());
        assert!(!unread.holds(6 * MB));
        unread.delivered("t", 0, 0, MB);
        assert!(unread.holds(4 * MB));
    }
}
