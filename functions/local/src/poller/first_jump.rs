//! Jumps before the first record after a start.
//!
//! A start moves the consumer to the offset that the database wants. In librdkafka 2.12 a query for
//! `auto.offset.reset` that was sent before the move comes back as outdated, is sent again after
//! 500 ms, and its answer replaces the offset of the move. The first record after a start can
//! therefore have a higher offset although the broker has the records between. Ingest would settle
//! those records as a hole. So the worker starts such a partition once more, and accepts the same
//! jump only the second time.

use std::collections::{BTreeMap, BTreeSet};

use weir_kafka::TopicPartition;

/// Partitions that have started and have given no record yet.
#[derive(Default)]
pub(super) struct FirstJumps {
    /// Whether the partition was started again because of a jump.
    started: BTreeMap<TopicPartition, bool>,
    doubtful: BTreeSet<TopicPartition>,
}

impl FirstJumps {
    /// Notes that a partition has started.
    pub(super) fn started(&mut self, at: &TopicPartition) {
        self.started.entry(at.clone()).or_insert(false);
    }

    /// Notes that `next` was expected and that the consumer is at `offset`. Returns whether the
    /// jump between them is doubtful; then the record must not be used.
    pub(super) fn is_doubtful(&mut self, at: &TopicPartition, next: i64, offset: i64) -> bool {
        let Some(was_doubtful) = self.started.get(at) else { return false };
        if !was_doubtful && offset > next {
            self.doubtful.insert(at.clone());
            return true;
        }
        self.started.remove(at);
        false
    }

    /// Removes a partition that was revoked, or that starts again.
    pub(super) fn remove(&mut self, at: &TopicPartition) {
        self.started.remove(at);
        self.doubtful.remove(at);
    }

    /// Returns the partitions that must start again.
    pub(super) fn take_doubtful(&mut self) -> Vec<TopicPartition> {
        std::mem::take(&mut self.doubtful).into_iter().collect()
    }

    /// Notes that these partitions start again because of a jump.
    pub(super) fn start_again(&mut self, partitions: Vec<TopicPartition>) {
        self.started.extend(partitions.into_iter().map(|at| (at, true)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_jump_counts_the_second_time() {
        let at = TopicPartition::new("t", 0);
        let mut jumps = FirstJumps::default();
        jumps.started(&at);
        assert!(jumps.is_doubtful(&at, 5, 9) && jumps.is_doubtful(&at, 5, 10));
        assert_eq!(jumps.take_doubtful(), std::slice::from_ref(&at));
        jumps.remove(&at);
        jumps.start_again(vec![at.clone()]);
        jumps.started(&at);
        assert!(!jumps.is_doubtful(&at, 5, 9), "compaction took the records between");
        assert!(!jumps.is_doubtful(&at, 10, 20), "a later jump is not about the start");
        assert!(jumps.take_doubtful().is_empty());
    }

    #[test]
    fn a_record_without_a_jump_ends_the_doubt() {
        let at = TopicPartition::new("t", 0);
        let mut jumps = FirstJumps::default();
        jumps.started(&at);
        assert!(!jumps.is_doubtful(&at, 5, 5) && !jumps.is_doubtful(&at, 6, 9));
    }
}
