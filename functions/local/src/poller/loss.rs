//! Records that the broker dropped before the poller read them.

use std::{collections::BTreeMap, fmt, ops::Range};

use weir_kafka::TopicPartition;

/// The number of jumps that are kept per partition between two checks with the broker. Beyond it
/// the jumps become one range.
const JUMPS_MAX: usize = 1_000;

/// Offsets of one partition that were never dispatched and that the broker no longer has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostRange {
    /// The topic's name.
    pub topic: String,
    /// The partition's number.
    pub partition: i32,
    /// The first lost offset.
    pub first: i64,
    /// The offset after the last lost one.
    pub end: i64,
}

impl fmt::Display for LostRange {
    /// Writes `topic-partition offsets 3..7`; the end is exclusive.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { topic, partition, first, end } = self;
        write!(f, "{topic}-{partition} offsets {first}..{end}")
    }
}

/// Stores the next offset of each partition, and each jump to a higher offset.
///
/// A jump alone is not a loss: compaction and transaction markers leave holes. The part of a jump
/// below the broker's first offset is a loss.
#[derive(Default)]
pub(super) struct OffsetTracker {
    next: BTreeMap<TopicPartition, i64>,
    jumps: BTreeMap<TopicPartition, Vec<Range<i64>>>,
}

impl OffsetTracker {
    /// Starts a partition at `next`; the broker has its records from `low` on. `wanted` is the
    /// first offset that is not stored.
    ///
    /// Returns the range that is already lost.
    pub(super) fn assigned(
        &mut self,
        at: &TopicPartition,
        wanted: i64,
        next: i64,
        low: i64,
    ) -> Option<LostRange> {
        self.next.insert(at.clone(), next.max(low));
        lost(at, &(wanted..low), low)
    }

    /// Returns the next offset of a partition.
    pub(super) fn next(&self, at: &TopicPartition) -> Option<i64> {
        self.next.get(at).copied()
    }

    /// Notes that the record of `offset` arrived. Returns the position before it. The
    /// offsets between that position and `offset` are a hole, unless the jump is a loss.
    pub(super) fn seen(&mut self, at: &TopicPartition, offset: i64) -> i64 {
        let from = self.next.insert(at.clone(), offset + 1).unwrap_or(offset).min(offset);
        self.jumped_over(at, from..offset);
        from
    }

    /// Notes that the consumer read up to `position` without a record.
    pub(super) fn passed(&mut self, at: &TopicPartition, position: i64) {
        if let Some(from) = self.next.insert(at.clone(), position) {
            self.jumped_over(at, from..position);
        }
    }

    fn jumped_over(&mut self, at: &TopicPartition, jump: Range<i64>) {
        if jump.is_empty() {
            return;
        }
        let jumps = self.jumps.entry(at.clone()).or_default();
        let is_many = jumps.len() >= JUMPS_MAX;
        match jumps.last_mut() {
            Some(last) if is_many => last.end = jump.end,
            _ => jumps.push(jump),
        }
    }

    /// Removes a partition that was revoked.
    pub(super) fn revoked(&mut self, at: &TopicPartition) {
        self.next.remove(at);
        self.jumps.remove(at);
    }

    /// Returns the partitions with jumps that were not checked with the broker.
    pub(super) fn jumped(&self) -> Vec<TopicPartition> {
        self.jumps.keys().cloned().collect()
    }

    /// Returns the end of each jump that was not checked.
    pub(super) fn unsettled(&self) -> impl Iterator<Item = (TopicPartition, i64)> {
        self.jumps.iter().flat_map(|(at, jumps)| jumps.iter().map(|jump| (at.clone(), jump.end)))
    }

    /// Removes the jumps of a partition, and returns those below `low`, the broker's first offset.
    pub(super) fn settle(&mut self, at: &TopicPartition, low: i64) -> Vec<LostRange> {
        let jumps = self.jumps.remove(at).unwrap_or_default();
        jumps.iter().filter_map(|jump| lost(at, jump, low)).collect()
    }
}

fn lost(at: &TopicPartition, jump: &Range<i64>, low: i64) -> Option<LostRange> {
    let end = jump.end.min(low);
    (jump.start < end).then(|| LostRange {
        topic: at.topic.to_string(),
        partition: at.partition,
        first: jump.start,
        end,
    })
}

/// Adds `range` to `ranges`, merged with a range that touches it. Returns whether the ranges
/// changed.
pub(super) fn remember(ranges: &mut Vec<LostRange>, range: &LostRange, ranges_max: usize) -> bool {
    let touching = ranges.iter_mut().find(|known| {
        (&known.topic, known.partition) == (&range.topic, range.partition)
            && known.first <= range.end
            && range.first <= known.end
    });
    if let Some(known) = touching {
        let before = known.clone();
        known.first = known.first.min(range.first);
        known.end = known.end.max(range.end);
        return *known != before;
    }
    if ranges.len() < ranges_max {
        ranges.push(range.clone());
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_are_no_loss_and_dropped_records_are() {
        let at = TopicPartition::new("t", 4);
        let mut tracker = OffsetTracker::default();
        assert_eq!(tracker.assigned(&at, 0, 0, 0), None);
        for (offset, from) in [(0, 0), (1, 1), (5, 2), (6, 6)] {
            assert_eq!(tracker.seen(&at, offset), from);
        }
        assert_eq!(tracker.jumped(), std::slice::from_ref(&at));
        assert!(tracker.unsettled().eq([(at.clone(), 5)]));
        assert!(tracker.settle(&at, 0).is_empty(), "compaction");
        assert_eq!(tracker.unsettled().count(), 0);
        tracker.seen(&at, 90);
        let lost = tracker.settle(&at, 90);
        assert_eq!(lost[0].to_string(), "t-4 offsets 7..90");
        assert!(tracker.jumped().is_empty());
        tracker.passed(&at, 93);
        assert!(
            tracker.unsettled().eq([(at.clone(), 93)]) && tracker.next(&at) == Some(93),
            "markers behind the last record"
        );
    }

    #[test]
    fn a_commit_below_the_first_offset_is_a_loss() {
        let at = TopicPartition::new("t", 0);
        let mut tracker = OffsetTracker::default();
        let lost = tracker.assigned(&at, 3, 3, 8).expect("lost");
        assert_eq!((lost.first, lost.end), (3, 8));
        tracker.seen(&at, 8);
        assert!(tracker.jumped().is_empty());
        // A recreated topic begins at a lower offset: no record is missing.
        tracker.seen(&at, 0);
        assert!(tracker.jumped().is_empty());
    }

    #[test]
    fn a_range_that_grows_is_told_again_and_kept_once() {
        let range = |first, end| LostRange { topic: "t".into(), partition: 0, first, end };
        let mut ranges = Vec::new();
        assert!(remember(&mut ranges, &range(0, 5), 9));
        assert!(!remember(&mut ranges, &range(0, 5), 9));
        assert!(remember(&mut ranges, &range(0, 7), 9));
        assert!(remember(&mut ranges, &range(20, 30), 9));
        assert_eq!(ranges, [range(0, 7), range(20, 30)]);
    }
}
