//! What a batch does in each partition that it touches.

use weir_model::KafkaBatch;

use crate::{
    ReadRange,
    offset_rule::{self, OffsetRange, PartitionState, Settlement},
    report::OpenedGap,
};

/// One partition of a batch. [`lock_partitions`](super::lock_partitions) fills in the second half.
#[derive(Default)]
pub(super) struct PartitionWork<'b> {
    pub topic: &'b str,
    pub partition: i32,
    /// Ascending, each once.
    pub offsets: Vec<i64>,
    /// The index in the batch of the record at the first offset; the others follow it.
    pub first_record: usize,
    /// What was read: from the first to behind the last offset, and more where the reader says so.
    pub read: OffsetRange,
    /// Whether a reader follows the partition, who knows where it begins.
    pub is_followed: bool,

    /// The stream's short id.
    pub stream: i32,
    /// Where the stream begins.
    pub begin_offset: i64,
    /// The partition as it was locked.
    pub before: PartitionState,
    /// What the batch changes.
    pub settlement: Settlement,
}

impl<'b> PartitionWork<'b> {
    /// The partitions of a batch and of what was read with it, sorted by topic and partition, as
    /// the batch is. Nothing is locked yet.
    pub(super) fn of(batch: &'b KafkaBatch, read: &'b [ReadRange]) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for (first_record, (topic, partition, offset, _)) in batch.coordinates().enumerate() {
            match all.last_mut() {
                Some(last) if last.partition == partition && last.topic == topic => {
                    last.offsets.push(offset)
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

    /// Applies the rule of what is new to the state that was read under the lock.
    pub(super) fn settle(&mut self, before: PartitionState) {
        self.settlement = offset_rule::settle_read(&before, &self.read, &self.offsets);
        self.before = before;
    }

    /// What was passed over before this: none of it was delivered, and none lies before the
    /// stream's begin.
    pub(super) fn opened_gap(&self) -> Option<OpenedGap> {
        let first = self.before.next_offset.max(self.begin_offset);
        let (topic, partition, end) = (self.topic.to_owned(), self.partition, self.read.start);
        (first < end).then_some(OpenedGap { topic, partition, first, end })
    }

    /// The indexes in the batch of the records that are new.
    pub(super) fn new_records(&self) -> impl Iterator<Item = usize> {
        let new = self.settlement.new.iter().enumerate().filter(|(_, new)| **new);
        new.map(|(index, _)| self.first_record + index)
    }

    /// The first and the last offset that was settled before, if there is one.
    pub(super) fn settled_before(&self) -> Option<(i64, i64)> {
        let new = &self.settlement.new;
        Some((
            self.offsets[new.iter().position(|new| !new)?],
            self.offsets[new.iter().rposition(|new| !new)?],
        ))
    }
}
