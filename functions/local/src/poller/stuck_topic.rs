//! A topic that fails while others go through: its partitions rest, and are tried again after
//! delays of its own.

use std::time::{Duration, Instant};

use weir_kafka::TopicPartition;

use super::backoff::{pause, topic_pause};

/// Of a worker's time at most a fifth goes to a topic that fails: a try that took long is not made
/// again before four times as long.
const REST_PER_TRY: u32 = 4;

/// Why a topic is set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The handler does not take its batch.
    Batch,
    /// What the broker has contradicts what is stored.
    Contradiction,
}

impl Trouble {
    /// The kind of reason that names it.
    pub(super) fn kind(self) -> &'static str {
        match self {
            Self::Batch => "batch",
            Self::Contradiction => "contradiction",
        }
    }
}

/// Such a topic.
pub(super) struct StuckTopic {
    pub trouble: Trouble,
    failures: u32,
    /// Partitions that are ours and not read; none while the topic is tried again.
    resting: Vec<TopicPartition>,
    retry_at: Instant,
}

impl StuckTopic {
    /// After as many failures as `earlier` had, and this one: a try that took so long.
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
            // A look costs nobody else anything.
            Trouble::Contradiction => pause(failures),
        };
        Self { trouble, failures, resting, retry_at: Instant::now() + rest }
    }

    /// How long it rests.
    pub(super) fn wait(&self) -> Duration {
        self.retry_at.saturating_duration_since(Instant::now())
    }

    /// Partitions that rest.
    pub(super) fn resting(&self) -> &[TopicPartition] {
        &self.resting
    }

    /// Its partitions, when it is time to try again.
    pub(super) fn take_due(&mut self) -> Vec<TopicPartition> {
        if self.wait().is_zero() { std::mem::take(&mut self.resting) } else { Vec::new() }
    }

    /// Forgets partitions that are ours no more.
    pub(super) fn remove(&mut self, partitions: &[TopicPartition]) {
        self.resting.retain(|at| !partitions.contains(at));
    }
}
