//! The batch that the handler has: retried after a failure; by topic, when it was no outage; in halves if configured.
//!
//! Halves are taken depth first with growing pauses between failures, and only of a topic that fails by itself.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use bytes::Bytes;
use weir_kafka::TopicPartition;

use super::batch::Batch;

/// A batch goes in halves from this failure on: the first may be a passing one.
const FAILURES_BEFORE_HALVES: u32 = 2;

/// A single record that failed this often lets the others go first.
const SINGLE_FAILURES_MAX: u32 = 3;

/// One batch, and the pieces of it that are not handled yet.
pub(super) struct InFlight {
    waiting: VecDeque<Piece>,
    running: Option<Piece>,
    /// The next offset of each partition once everything is handled.
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

    fn first_offset(&self, at: &TopicPartition) -> Option<i64> {
        let mut spans = self.batch.spans();
        spans.find(|(other, ..)| *other == at).map(|(_, first, _)| first)
    }
}

impl InFlight {
    pub(super) fn new(batch: Batch) -> Self {
        let ends = batch.spans().map(|(at, _, last)| (at.clone(), last + 1)).collect();
        Self { waiting: VecDeque::from([Piece::new(batch, 0)]), running: None, ends }
    }

    /// No piece waits for the handler, and the handler has no piece.
    pub(super) fn is_done(&self) -> bool {
        self.waiting.is_empty() && self.running.is_none()
    }

    /// The next event for the handler; the same bytes as before when it is the same records again.
    pub(super) fn begin(&mut self) -> Option<Bytes> {
        let mut piece = self.waiting.pop_front()?;
        let event = piece.event.get_or_insert_with(|| piece.batch.event()).clone();
        self.running = Some(piece);
        Some(event)
    }

    /// The handler took the piece: how many records, and the next offsets that may be committed now.
    ///
    /// A partition is committed up to the first record that is not handled yet.
    pub(super) fn succeeded(&mut self) -> (usize, BTreeMap<TopicPartition, i64>) {
        let Some(done) = self.running.take() else {
            return (0, BTreeMap::new());
        };
        let mut commits = BTreeMap::new();
        for (at, first, _) in done.batch.spans() {
            let left = self.waiting.iter().filter_map(|p| p.first_offset(at)).min();
            match (left, self.ends.get(at)) {
                (Some(left), _) if left < first => {}
                (Some(next), _) | (None, Some(&next)) => {
                    commits.insert(at.clone(), next);
                }
                (None, None) => {}
            }
        }
        (done.batch.records(), commits)
    }

    /// The handler refused the piece because of an outage: it comes again.
    pub(super) fn again(&mut self) {
        self.waiting.extend(self.running.take().filter(|piece| !piece.batch.is_empty()));
        // To the front: the order of offsets within a partition.
        self.waiting.rotate_right(usize::from(!self.waiting.is_empty()));
    }

    /// The handler refused the piece, and it was no outage. A piece of several topics comes again, each topic by itself; one of a
    /// single topic is given back as a batch of its own, and the others go on without it.
    pub(super) fn failed_alone(&mut self) -> Option<Self> {
        let piece = self.running.take().filter(|piece| !piece.batch.is_empty())?;
        let failures = piece.failures + 1;
        let mut by_topic = piece.batch.by_topic();
        if by_topic.len() > 1 {
            for batch in by_topic.into_iter().rev() {
                self.waiting.push_front(Piece::new(batch, failures));
            }
            return None;
        }
        let batch = by_topic.pop()?;
        let mut ends = BTreeMap::new();
        for (at, ..) in batch.spans() {
            ends.extend(self.ends.remove_entry(at));
        }
        Some(Self { waiting: VecDeque::from([Piece { batch, event: piece.event, failures }]), running: None, ends })
    }

    /// The topic of a batch that failed alone.
    pub(super) fn topic(&self) -> Option<Arc<str>> {
        self.ends.keys().next().map(|at| Arc::clone(&at.topic))
    }

    /// The handler refused the piece: it comes again, or its halves do.
    pub(super) fn failed(&mut self, bisect: bool) {
        let Some(mut piece) = self.running.take() else {
            return;
        };
        piece.failures += 1;
        if piece.batch.is_empty() {
            // Its partitions were revoked meanwhile.
        } else if bisect && piece.batch.records() > 1 && piece.failures >= FAILURES_BEFORE_HALVES {
            let (first, second) = piece.batch.halve();
            self.waiting.push_front(Piece::new(second, piece.failures));
            self.waiting.push_front(Piece::new(first, piece.failures));
        } else if bisect && piece.batch.records() == 1 && piece.failures >= SINGLE_FAILURES_MAX {
            self.waiting.push_back(piece);
        } else {
            self.waiting.push_front(piece);
        }
    }

    /// Forgets a partition that is ours no more; what the handler has of it is not committed.
    pub(super) fn remove(&mut self, at: &TopicPartition) {
        self.ends.remove(at);
        for piece in self.waiting.iter_mut().chain(&mut self.running) {
            piece.batch.remove(at);
            piece.event = None;
        }
        self.waiting.retain(|piece| !piece.batch.is_empty());
    }
}
