//! A topic that is set aside because it fails while others succeed. Its partitions are paused, and
//! are retried after growing delays.

use std::time::{Duration, Instant};

use weir_kafka::TopicPartition;
use weir_store::HealthKind;

use super::backoff::{pause, topic_pause};

/// The pause after a retry is at least four times as long as the retry. So at most a fifth of a
/// worker's time goes to a failing topic.
const REST_PER_TRY: u32 = 4;

/// The reason why a topic is set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The handler fails for its batch.
    Batch,
    /// The broker's log contradicts the stored records.
    Contradiction,
}

impl Trouble {
    /// Returns the kind of the health reason.
    pub(super) fn kind(self) -> HealthKind {
        match self {
            Self::Batch => HealthKind::Batch,
            Self::Contradiction => HealthKind::Contradiction,
        }
    }
}

/// A topic that is set aside.
pub(super) struct StuckTopic {
    pub trouble: Trouble,
    failures: u32,
    /// Assigned partitions that are paused. Empty while the topic is retried.
    resting: Vec<TopicPartition>,
    retry_at: Instant,
}

impl StuckTopic {
    /// Sets a topic aside after a failure. `earlier` has the failures before; `took` is the
    /// duration of this try.
    pub(super) fn again(
        earlier: Option<Self>,
        trouble: Trouble,
        partitions: Vec<TopicPartition>,
        took: Duration,
    ) -> Self {
        let (failures, mut resting) =
            earlier.map_or((0, Vec::new()), |earlier| (earlier.failures, earlier.resting));
        let failures = failures.saturating_add(1);
        resting.extend(partitions);
        let rest = match trouble {
            Trouble::Batch => topic_pause(failures).max(took * REST_PER_TRY),
            // Such a check does not delay other topics.
            Trouble::Contradiction => pause(failures),
        };
        Self { trouble, failures, resting, retry_at: Instant::now() + rest }
    }

    /// Returns the time until the next retry.
    pub(super) fn wait(&self) -> Duration {
        self.retry_at.saturating_duration_since(Instant::now())
    }

    /// Returns the paused partitions.
    pub(super) fn resting(&self) -> &[TopicPartition] {
        &self.resting
    }

    /// Removes and returns the paused partitions if the next retry is due.
    pub(super) fn take_due(&mut self) -> Vec<TopicPartition> {
        if self.wait().is_zero() { std::mem::take(&mut self.resting) } else { Vec::new() }
    }

    /// Removes partitions that were revoked.
    pub(super) fn remove(&mut self, partitions: &[TopicPartition]) {
        self.resting.retain(|at| !partitions.contains(at));
    }
}
