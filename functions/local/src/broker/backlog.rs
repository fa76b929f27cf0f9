//! How much of each partition was published and not yet read.

use std::collections::{BTreeMap, VecDeque};

use super::TopicPartition;

/// Unread bytes of one partition at which publishing waits: under what the embedded broker keeps, less one chunk.
const UNREAD_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Records published and not yet read, oldest first, by partition.
#[derive(Default)]
pub(super) struct Backlog {
    partitions: BTreeMap<TopicPartition, Unread>,
}

#[derive(Default)]
struct Unread {
    records: VecDeque<(i64, usize)>,
    bytes: usize,
}

impl Backlog {
    pub(super) fn add(&mut self, tp: TopicPartition, offset: i64, bytes: usize) {
        let unread = self.partitions.entry(tp).or_default();
        unread.records.push_back((offset, bytes));
        unread.bytes += bytes;
    }

    /// Forgets every record below the offset that the group wants next.
    pub(super) fn forget_read(&mut self, committed: &BTreeMap<TopicPartition, i64>) {
        for (tp, unread) in &mut self.partitions {
            let Some(next) = committed.get(tp) else {
                continue;
            };
            while let Some((_, bytes)) = unread.records.pop_front_if(|(offset, _)| *offset < *next) {
                unread.bytes -= bytes;
            }
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.partitions.values().any(|unread| unread.bytes >= UNREAD_BYTES_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_is_full_until_its_records_are_read() {
        let tp = TopicPartition::new("t", 0);
        let mut backlog = Backlog::default();
        for offset in 0..4 {
            assert!(!backlog.is_full());
            backlog.add(tp.clone(), offset, 1024 * 1024);
        }
        assert!(backlog.is_full());
        backlog.forget_read(&BTreeMap::from([(TopicPartition::new("t", 1), 9)]));
        assert!(backlog.is_full());
        backlog.forget_read(&BTreeMap::from([(tp, 1)]));
        assert!(!backlog.is_full());
    }
}
