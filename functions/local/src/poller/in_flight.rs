//! The batch that the handler works on. After a failure it is retried; if the failure is not an
//! outage, topic by topic, and in halves if configured.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use bytes::Bytes;
use weir_kafka::TopicPartition;
use weir_store::ReadRange;

use super::batch::Batch;

/// A batch is split in halves from this number of failures on. The first failure may be
/// transient.
const FAILURES_BEFORE_HALVES: u32 = 2;

/// The number of failures after which a single record is retried after the others.
const SINGLE_FAILURES_MAX: u32 = 3;

/// One batch, and its pieces that are not handled yet.
pub(super) struct InFlight {
    waiting: VecDeque<Piece>,
    running: Option<Piece>,
    /// The next offset of each partition after the whole batch is handled.
    ends: BTreeMap<TopicPartition, i64>,
}

struct Piece {
    batch: Batch,
    event: Option<Bytes>,
    failures: u32,
}

impl Piece {
    fn new(batch: Batch, failures: u32) -> Self {
        Self { batch, event: None, failures }
    }

    fn has(&self, topic: &str) -> bool {
        self.batch.spans().any(|(at, _)| *at.topic == *topic)
    }

    fn first_offset(&self, at: &TopicPartition) -> Option<i64> {
        let mut spans = self.batch.spans();
        spans.find(|(other, _)| *other == at).map(|(_, read)| read.start)
    }
}

/// The step after a failure that is not an outage.
pub(super) enum Next {
    /// Retry the records, unchanged or in smaller pieces.
    Again,
    /// Set this topic aside, and continue with the others.
    WithoutTopic(Arc<str>),
}

impl InFlight {
    /// Creates the batch's pieces. The records of topics on trial become separate pieces, after the
    /// others.
    pub(super) fn new<'t>(mut batch: Batch, on_trial: impl Iterator<Item = &'t Arc<str>>) -> Self {
        let ends = batch.spans().map(|(at, read)| (at.clone(), read.end)).collect();
        let apart: Vec<_> = on_trial.filter_map(|topic| batch.take_topic(topic)).collect();
        let pieces = [batch].into_iter().chain(apart).filter(|batch| !batch.is_empty());
        Self { waiting: pieces.map(|batch| Piece::new(batch, 0)).collect(), running: None, ends }
    }

    /// Returns whether no piece is left, neither waiting nor running.
    pub(super) fn is_done(&self) -> bool {
        self.waiting.is_empty() && self.running.is_none()
    }

    /// Returns whether the handler works on a piece.
    pub(super) fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// Returns whether a piece of the partition waits for the handler.
    pub(super) fn waits_for(&self, at: &TopicPartition) -> bool {
        self.waiting.iter().any(|piece| piece.first_offset(at).is_some())
    }

    /// Returns the next event for the handler, and the ranges that were read. A retry of the same
    /// records has the same bytes.
    pub(super) fn begin(&mut self) -> Option<(Bytes, Vec<ReadRange>)> {
        let mut piece = self.waiting.pop_front()?;
        let event = piece.event.get_or_insert_with(|| piece.batch.event()).clone();
        let read = piece.batch.read();
        self.running = Some(piece);
        Some((event, read))
    }

    /// Notes that the handler stored the piece. Returns the number of records, and the offsets that
    /// can be committed now.
    ///
    /// A partition is committed up to the first record that is not handled yet.
    pub(super) fn succeeded(&mut self) -> (usize, BTreeMap<TopicPartition, i64>) {
        let Some(done) = self.running.take() else {
            return (0, BTreeMap::new());
        };
        let mut commits = BTreeMap::new();
        for (at, read) in done.batch.spans() {
            let left = self.waiting.iter().filter_map(|p| p.first_offset(at)).min();
            match (left, self.ends.get(at)) {
                (Some(left), _) if left < read.start => {}
                (Some(next), _) | (None, Some(&next)) => {
                    commits.insert(at.clone(), next);
                }
                (None, None) => {}
            }
        }
        (done.batch.records(), commits)
    }

    /// Puts the piece back unchanged after an outage.
    pub(super) fn again(&mut self) {
        if let Some(piece) = self.running.take().filter(|piece| !piece.batch.is_empty()) {
            self.waiting.push_front(piece);
        }
    }

    /// Puts the piece back after a failure that is not an outage: split by topic or in halves, or
    /// unchanged.
    pub(super) fn failed(&mut self, bisect: bool) -> Next {
        // The piece is empty if its partitions were revoked in the meantime.
        let Some(mut piece) = self.running.take().filter(|piece| !piece.batch.is_empty()) else {
            return Next::Again;
        };
        piece.failures += 1;
        let Some(topic) = piece.batch.only_topic() else {
            for batch in piece.batch.by_topic().into_iter().rev() {
                self.waiting.push_front(Piece::new(batch, piece.failures));
            }
            return Next::Again;
        };
        if bisect && piece.batch.records() > 1 && piece.failures >= FAILURES_BEFORE_HALVES {
            let (first, second) = piece.batch.halve();
            self.waiting.push_front(Piece::new(second, piece.failures));
            self.waiting.push_front(Piece::new(first, piece.failures));
        } else if bisect && piece.failures < SINGLE_FAILURES_MAX {
            self.waiting.push_front(piece);
        } else if bisect && self.has(&topic) {
            self.waiting.push_back(piece);
        } else {
            return Next::WithoutTopic(topic);
        }
        Next::Again
    }

    /// Returns whether records of the topic wait for the handler.
    pub(super) fn has(&self, topic: &str) -> bool {
        self.waiting.iter().any(|piece| piece.has(topic))
    }

    /// Removes a partition that was revoked. Its records that the handler works on are not
    /// committed.
    pub(super) fn remove(&mut self, at: &TopicPartition) {
        self.ends.remove(at);
        for piece in self.waiting.iter_mut().chain(&mut self.running) {
            piece.batch.remove(at);
            piece.event = None;
        }
        self.waiting.retain(|piece| !piece.batch.is_empty());
    }
}
