//! What a batch does in each partition that it touches.

use weir_model::KafkaBatch;

use crate::offset_rule::{self, PartitionState, Settlement};

/// One partition of a batch. [`lock_partitions`](super::lock_partitions) fills in the second half.
#[derive(Default)]
pub(super) struct PartitionWork<'b> {
    pub topic: &'b str,
    pub partition: i32,
    /// Ascending, each once.
    pub offsets: Vec<i64>,
    /// The index in the batch of the record at the first offset; the others follow it.
    pub first_record: usize,

    /// The stream's short id.
    pub stream: i32,
    /// The partition as it was locked.
    pub before: PartitionState,
    /// What the batch changes.
    pub settlement: Settlement,
}

impl<'b> PartitionWork<'b> {
    /// The partitions of a batch, sorted by topic and partition, as the batch is. Nothing is locked yet.
    pub(super) fn of(batch: &'b KafkaBatch) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for (first_record, (topic, partition, offset, _)) in batch.coordinates().enumerate() {
            match all.last_mut() {
                Some(last) if last.partition == partition && last.topic == topic => last.offsets.push(offset),
                _ => all.push(Self { topic, partition, offsets: vec![offset], first_record, ..Self::default() }),
            }
        }
        all
    }

    /// Applies the rule of what is new to the state that was read under the lock.
    pub(super) fn settle(&mut self, before: PartitionState) {
        self.settlement = offset_rule::settle(&before, &self.offsets);
        self.before = before;
    }

    /// The indexes in the batch of the records that are new.
    pub(super) fn new_records(&self) -> impl Iterator<Item = usize> {
        let new = self.settlement.new.iter().enumerate().filter(|(_, new)| **new);
        new.map(|(index, _)| self.first_record + index)
    }

    /// The first and the last offset that was settled before, if there is one.
    pub(super) fn settled_before(&self) -> Option<(i64, i64)> {
        let new = &self.settlement.new;
        Some((self.offsets[new.iter().position(|new| !new)?], self.offsets[new.iter().rposition(|new| !new)?]))
    }
}
