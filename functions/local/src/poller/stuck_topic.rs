//! A topic whose batches fail while others go through: its partitions are paused, its batch has delays of its own.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use weir_kafka::TopicPartition;

use super::{backoff::topic_pause, in_flight::InFlight};

/// Of a worker's time at most a fifth goes to a topic that fails: a try that took long is not made again before four times as long.
const REST_PER_TRY: u32 = 4;

/// The batch of such a topic, and when it is tried again.
pub(super) struct StuckTopic {
    pub in_flight: InFlight,
    /// Where each of its partitions is read on once the batch is through.
    pub next: BTreeMap<TopicPartition, i64>,
    failures: u32,
    tried_at: Instant,
    retry_at: Instant,
}

impl StuckTopic {
    /// A topic whose batch has just failed.
    pub(super) fn new(in_flight: InFlight, next: BTreeMap<TopicPartition, i64>) -> Self {
        let now = Instant::now();
        Self { in_flight, next, failures: 1, tried_at: now, retry_at: now + topic_pause(1) }
    }

    /// The handler gets the batch now.
    pub(super) fn begin(&mut self) -> Option<bytes::Bytes> {
        self.tried_at = Instant::now();
        self.in_flight.begin()
    }

    /// A piece went through: the next one goes at once.
    pub(super) fn succeeded(&mut self) {
        self.failures = 0;
        self.retry_at = Instant::now();
    }

    /// It failed once more; in an outage the delay does not grow.
    pub(super) fn failed(&mut self, is_outage: bool) {
        if !is_outage || self.failures == 0 {
            self.failures += 1;
        }
        let rest = self.tried_at.elapsed() * REST_PER_TRY;
        self.retry_at = Instant::now() + topic_pause(self.failures).max(rest);
    }

    /// How long until it is tried again.
    pub(super) fn wait(&self) -> Duration {
        self.retry_at.saturating_duration_since(Instant::now())
    }

    /// Forgets a partition that is ours no more; says whether any is left.
    pub(super) fn remove(&mut self, at: &TopicPartition) -> bool {
        self.in_flight.remove(at);
        self.next.remove(at);
        !self.next.is_empty()
    }
}
