//! The work of a batch in each of its partitions.

use weir_model::KafkaBatch;

use super::Contradiction;
use crate::{
    ReadRange,
    offset_rule::{self, OffsetRange, PartitionState, Settlement},
    report::OpenedGap,
};

/// One partition of a batch. [`lock_partitions`](super::lock_partitions) sets the second half of
/// the fields.
#[derive(Default)]
pub(super) struct PartitionWork<'b> {
    pub topic: &'b str,
    pub partition: i32,
    /// The offsets of the records, ascending and distinct.
    pub offsets: Vec<i64>,
    /// The index in the batch of the record at the first offset; the others follow it.
    pub first_record: usize,
    /// The range that was read: from the first offset to after the last one, or more if the reader
    /// reports so.
    pub read: OffsetRange,
    /// Whether a reader follows the partition and knows its begin.
    pub is_followed: bool,

    /// The stream's short id.
    pub stream: i32,
    /// The first offset of the stream.
    pub begin_offset: i64,
    /// The contradiction that was found earlier; a reset of the topic ends it.
    pub contradiction: Option<Contradiction>,
    /// The state of the partition under the lock.
    pub before: PartitionState,
    /// The changes by the batch.
    pub settlement: Settlement,
}

impl<'b> PartitionWork<'b> {
    /// Returns the partitions of a batch and of the read ranges, sorted by topic and partition like
    /// the batch. They are not locked yet.
    pub(super) fn of(batch: &'b KafkaBatch, read: &'b [ReadRange]) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for (first_record, (topic, partition, offset, _)) in batch.coordinates().enumerate() {
            match all.last_mut() {
                Some(last) if last.partition == partition && last.topic == topic => {
                    last.offsets.push(offset);
                }
                _ => all.push(Self {
                    topic,
                    partition,
                    offsets: vec![offset],
                    first_record,
                    read: offset..offset,
                    ..Self::default()
                }),
            }
        }
        for w in &mut all {
            w.read.end = w.offsets.last().map_or(w.read.start, |last| last + 1);
        }
        for range in read.iter().filter(|range| range.first < range.end) {
            let key = (range.topic.as_str(), range.partition);
            match all.binary_search_by(|w| (w.topic, w.partition).cmp(&key)) {
                Ok(at) => {
                    let w = &mut all[at];
                    w.read = w.read.start.min(range.first)..w.read.end.max(range.end);
                    w.is_followed = true;
                }
                Err(at) => all.insert(
                    at,
                    Self {
                        topic: key.0,
                        partition: key.1,
                        read: range.first..range.end,
                        is_followed: true,
                        ..Self::default()
                    },
                ),
            }
        }
        all
    }

    /// Applies the offset rule to the state that was read under the lock.
    pub(super) fn settle(&mut self, before: PartitionState) {
        self.settlement = offset_rule::settle_read(&before, &self.read, &self.offsets);
        self.before = before;
    }

    /// Returns the gap that the batch opens: undelivered offsets before the batch and not below the
    /// stream's begin.
    pub(super) fn opened_gap(&self) -> Option<OpenedGap> {
        let first = self.before.next_offset.max(self.begin_offset);
        let (topic, partition, end) = (self.topic.to_owned(), self.partition, self.read.start);
        (first < end).then_some(OpenedGap { topic, partition, first, end })
    }

    /// Returns the indexes in the batch of the new records.
    pub(super) fn new_records(&self) -> impl Iterator<Item = usize> {
        let new = self.settlement.new.iter().enumerate().filter(|(_, new)| **new);
        new.map(|(index, _)| self.first_record + index)
    }

    /// Returns the first and the last offset that was settled before, if there is one.
    pub(super) fn settled_before(&self) -> Option<(i64, i64)> {
        let new = &self.settlement.new;
        Some((
            self.offsets[new.iter().position(|new| !new)?],
            self.offsets[new.iter().rposition(|new| !new)?],
        ))
    }
}
