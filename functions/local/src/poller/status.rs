//! The status that all workers of a poller share.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use weir_kafka::TopicPartition;
use weir_store::{HealthReason, OpenedGap};

use super::loss::{LostRange, remember};

/// Lost ranges kept in the status; the counter counts on.
const LOST_RANGES_MAX: usize = 1_000;

/// How a poller is doing; counts are since its start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PollerStatus {
    /// Whether the broker answers; `None` before the first answer.
    pub connected: Option<bool>,
    /// Partitions that the group gave to this poller.
    pub partitions_assigned: usize,
    /// Invocations that succeeded.
    pub batches_ok: u64,
    /// Invocations that failed.
    pub batches_failed: u64,
    /// Records that the handler took.
    pub records: u64,
    /// The last failure's text; `None` again after a success.
    pub last_error: Option<String>,
    /// Ranges that the broker dropped unread, at most 1,000 of them.
    pub lost: Vec<LostRange>,
    /// How many times a loss was noticed.
    pub losses: u64,
    /// Records behind a transaction that is open, by partition.
    pub hidden: BTreeMap<TopicPartition, Hidden>,
    /// The next offset that the group wants, by partition, as far as this poller has seen it.
    pub committed: BTreeMap<TopicPartition, i64>,
}

/// Records that nobody gets before a transaction ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hidden {
    /// The transaction's first offset.
    pub first: i64,
    /// How many offsets, its own among them.
    pub offsets: i64,
    /// When it was first seen to be open.
    pub since: Instant,
}

/// How long a transaction may be open before somebody is told: Kafka ends one by itself after a
/// minute, unless its producer asked for more.
const OPEN_LIMIT: Duration = Duration::from_secs(90);

impl PollerStatus {
    /// What is in Kafka and cannot be read, because a transaction stays open.
    pub fn reasons(&self) -> Vec<HealthReason> {
        let stuck = self.hidden.iter().filter(|(_, hidden)| hidden.since.elapsed() >= OPEN_LIMIT);
        let reason = |(at, hidden): (&TopicPartition, &Hidden)| HealthReason {
            kind: "open_transaction",
            topic: Some(at.topic.to_string()),
            partition: Some(at.partition),
            text: format!(
                "{} behind an open transaction, from offset {} on: end it, or its producer (`kafka-transactions.sh find-hanging`)",
                hidden.offsets, hidden.first
            ),
        };
        stuck.map(reason).collect()
    }
}

/// Counts an invocation as running until it is dropped.
pub(super) struct InvocationGuard(Arc<SharedStatus>);

impl InvocationGuard {
    pub(super) fn new(shared: &Arc<SharedStatus>) -> Self {
        shared.busy.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(shared))
    }
}

impl Drop for InvocationGuard {
    fn drop(&mut self) {
        self.0.busy.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Shared by the workers and the handle.
pub(super) struct SharedStatus {
    status: Mutex<PollerStatus>,
    stopping: AtomicBool,
    /// Invocations under way.
    busy: AtomicUsize,
    bootstrap: String,
    /// Topics of which something changed at the broker, each with the number of its last change;
    /// each worker looks at all of them.
    changed: Mutex<(u64, BTreeMap<Arc<str>, u64>)>,
}

impl SharedStatus {
    pub(super) fn new(bootstrap: &str) -> Self {
        Self {
            status: Mutex::default(),
            stopping: AtomicBool::new(false),
            busy: AtomicUsize::new(0),
            bootstrap: bootstrap.to_owned(),
            changed: Mutex::default(),
        }
    }

    pub(super) fn status(&self) -> MutexGuard<'_, PollerStatus> {
        // Counters stay usable when a thread died while it held them.
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    pub(super) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_busy(&self) -> bool {
        self.busy.load(Ordering::Acquire) > 0
    }

    pub(super) fn is_connected(&self) -> bool {
        self.status().connected == Some(true)
    }

    /// Notes what open transactions hide: of each partition the first offset that is not to be had,
    /// and the end.
    pub(super) fn note_hidden(&self, found: BTreeMap<TopicPartition, (i64, i64)>) {
        let now = Instant::now();
        let mut status = self.status();
        for (at, (first, end)) in found {
            if end <= first {
                status.hidden.remove(&at);
                continue;
            }
            let hidden =
                status.hidden.entry(at).or_insert(Hidden { first, offsets: 0, since: now });
            if hidden.first != first {
                *hidden = Hidden { first, offsets: 0, since: now };
            }
            hidden.offsets = end - first;
        }
    }

    /// Forgets what was noted of partitions that are another's now.
    pub(super) fn forget_hidden(&self, partitions: &[TopicPartition]) {
        self.status().hidden.retain(|at, _| !partitions.contains(at));
    }

    /// Notes that a topic is another one, or is led by another broker.
    pub(super) fn note_changed(&self, topic: &str) {
        let mut changed = self.changed.lock().unwrap_or_else(PoisonError::into_inner);
        changed.0 += 1;
        let number = changed.0;
        changed.1.insert(topic.into(), number);
    }

    /// What changed behind the changes that were seen before.
    pub(super) fn changed_since(&self, seen: &mut u64) -> Vec<Arc<str>> {
        let changed = self.changed.lock().unwrap_or_else(PoisonError::into_inner);
        let new = changed
            .1
            .iter()
            .filter(|(_, number)| **number > *seen)
            .map(|(topic, _)| Arc::clone(topic))
            .collect();
        *seen = changed.0;
        new
    }

    /// Notes whether the broker answers, with one log line for each change.
    pub(super) fn set_connected(&self, connected: bool) {
        let before = self.status().connected.replace(connected);
        let bootstrap = &self.bootstrap;
        match (before, connected) {
            (Some(false), true) => tracing::info!("kafka at {bootstrap} is back"),
            (None, true) => tracing::debug!("connected to kafka at {bootstrap}"),
            (None | Some(true), false) if !self.is_stopping() => {
                tracing::warn!("kafka at {bootstrap} is away: trying again until it is back");
            }
            _ => {}
        }
    }

    /// Whether the broker is known to have no more of it.
    pub(super) fn has_lost(&self, gap: &OpenedGap) -> bool {
        let is_in = |lost: &LostRange| {
            (&lost.topic, lost.partition) == (&gap.topic, gap.partition)
                && lost.first <= gap.first
                && gap.end <= lost.end
        };
        self.status().lost.iter().any(is_in)
    }

    /// Notes a lost range, loudly when it is new.
    pub(super) fn lost(&self, range: &LostRange) {
        let mut status = self.status();
        if remember(&mut status.lost, range, LOST_RANGES_MAX) {
            status.losses += 1;
            drop(status);
            tracing::error!(
                metric = "lost_ranges",
                "lost: {range} were dropped by kafka before they were read; run `weir reconcile`"
            );
        }
    }
}
