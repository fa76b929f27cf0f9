//! The status that all workers of a poller share.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use weir_kafka::TopicPartition;
use weir_store::{HealthKind, HealthReason, OpenedGap};

use super::loss::{LostRange, remember};

/// The number of lost ranges that the status keeps. The counter continues.
const LOST_RANGES_MAX: usize = 1_000;

/// The status of a poller. The counts are since its start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PollerStatus {
    /// Whether the broker answers. `None` before the first answer.
    pub connected: Option<bool>,
    /// The number of partitions that the group assigned to this poller.
    pub partitions_assigned: usize,
    /// The number of invocations that succeeded.
    pub batches_ok: u64,
    /// The number of invocations that failed.
    pub batches_failed: u64,
    /// The number of records that the handler stored.
    pub records: u64,
    /// The text of the last failure. `None` again after a success.
    pub last_error: Option<String>,
    /// The ranges that the broker dropped before they were read, at most 1,000.
    pub lost: Vec<LostRange>,
    /// The number of losses that were noticed.
    pub losses: u64,
    /// The records behind an open transaction, by partition.
    pub hidden: BTreeMap<TopicPartition, Hidden>,
    /// The group's next offset by partition, as far as this poller has seen it.
    pub committed: BTreeMap<TopicPartition, i64>,
}

/// The records that no consumer gets before a transaction ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hidden {
    /// The first offset of the transaction.
    pub first: i64,
    /// The number of hidden offsets, including those of the transaction.
    pub offsets: i64,
    /// The time at which the open transaction was first seen.
    pub since: Instant,
}

/// The time after which an open transaction becomes a health reason. Kafka ends a transaction after
/// a minute, unless its producer set a longer timeout.
const OPEN_LIMIT: Duration = Duration::from_secs(90);

impl PollerStatus {
    /// Returns a health reason for each partition whose records stay hidden behind a transaction
    /// that is open for more than 90 seconds at `now`.
    pub fn reasons(&self, now: Instant) -> Vec<HealthReason> {
        let is_stuck = |hidden: &Hidden| now.duration_since(hidden.since) >= OPEN_LIMIT;
        let stuck = self.hidden.iter().filter(|(_, hidden)| is_stuck(hidden));
        let reason = |(at, hidden): (&TopicPartition, &Hidden)| HealthReason {
            kind: HealthKind::OpenTransaction,
            topic: Some(at.topic.to_string()),
            partition: Some(at.partition),
            text: format!(
                "{} offsets are hidden by an open transaction, from offset {} on: end the \
                    transaction, or its producer (`kafka-transactions.sh find-hanging`)",
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

pub(super) struct SharedStatus {
    status: Mutex<PollerStatus>,
    stopping: AtomicBool,
    /// The number of running invocations.
    busy: AtomicUsize,
    bootstrap: String,
    /// The topics that changed at the broker, each with the number of its last change. Each worker
    /// checks all of them.
    changed: Mutex<(u64, BTreeMap<Arc<str>, u64>)>,
    /// The number of partitions of each topic that the workers have, read or not.
    held: Mutex<BTreeMap<Arc<str>, usize>>,
    /// The number of times that the workers must have joined the group again.
    joins: AtomicU64,
}

impl SharedStatus {
    pub(super) fn new(bootstrap: &str) -> Self {
        Self {
            status: Mutex::default(),
            stopping: AtomicBool::new(false),
            busy: AtomicUsize::new(0),
            bootstrap: bootstrap.to_owned(),
            changed: Mutex::default(),
            held: Mutex::default(),
            joins: AtomicU64::new(0),
        }
    }

    pub(super) fn status(&self) -> MutexGuard<'_, PollerStatus> {
        // The counters stay usable after a thread panicked while it held the lock.
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

    /// Notes the records that open transactions hide: for each partition the first hidden offset,
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

    /// Removes the notes of partitions that were revoked.
    pub(super) fn forget_hidden(&self, partitions: &[TopicPartition]) {
        self.status().hidden.retain(|at, _| !partitions.contains(at));
    }

    /// Notes that a topic was recreated, or has another leader.
    pub(super) fn note_changed(&self, topic: &str) {
        let mut changed = self.changed.lock().unwrap_or_else(PoisonError::into_inner);
        changed.0 += 1;
        let number = changed.0;
        changed.1.insert(topic.into(), number);
    }

    /// Returns the topics that changed since the change number `seen`, and updates `seen`.
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

    /// Notes partitions that a worker was given.
    pub(super) fn assigned(&self, partitions: &[TopicPartition]) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        for at in partitions {
            *held.entry(Arc::clone(&at.topic)).or_default() += 1;
        }
    }

    /// Notes partitions that a worker has no more.
    pub(super) fn revoked(&self, partitions: &[TopicPartition]) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        for at in partitions {
            if let Some(count) = held.get_mut(&at.topic) {
                *count = count.saturating_sub(1);
            }
        }
    }

    /// Returns whether a worker has a partition of the topic.
    pub(super) fn has_any(&self, topic: &str) -> bool {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.get(topic).is_some_and(|count| *count > 0)
    }

    /// Asks every worker to join the group again.
    pub(super) fn join_again(&self) {
        self.joins.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns the number of times that the workers were asked to join again.
    pub(super) fn joins(&self) -> u64 {
        self.joins.load(Ordering::Relaxed)
    }

    /// Notes whether the broker answers. Each change is one log line.
    pub(super) fn set_connected(&self, connected: bool) {
        let before = self.status().connected.replace(connected);
        let bootstrap = &self.bootstrap;
        match (before, connected) {
            (Some(false), true) => tracing::info!("Kafka at {bootstrap} answers again"),
            (None, true) => tracing::debug!("connected to Kafka at {bootstrap}"),
            (None | Some(true), false) if !self.is_stopping() => {
                tracing::warn!("Kafka at {bootstrap} does not answer: retrying until it answers");
            }
            _ => {}
        }
    }

    /// Returns whether the gap is within a known lost range.
    pub(super) fn has_lost(&self, gap: &OpenedGap) -> bool {
        let is_in = |lost: &LostRange| {
            (&lost.topic, lost.partition) == (&gap.topic, gap.partition)
                && lost.first <= gap.first
                && gap.end <= lost.end
        };
        self.status().lost.iter().any(is_in)
    }

    /// Notes a lost range. A new range is logged as an error.
    pub(super) fn lost(&self, range: &LostRange) {
        let mut status = self.status();
        if remember(&mut status.lost, range, LOST_RANGES_MAX) {
            status.losses += 1;
            drop(status);
            tracing::error!(
                metric = "lost_ranges",
                "lost: Kafka deleted {range} before they were read; run `weir reconcile`"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_that_stays_open_is_a_reason_until_it_ends() {
        let (shared, at) = (SharedStatus::new("kafka"), TopicPartition::new("orders", 3));
        let hide = |first, end| shared.note_hidden(BTreeMap::from([(at.clone(), (first, end))]));
        let since = || shared.status().hidden[&at].since;
        let reasons = |seconds| {
            let status = shared.status().clone();
            let first = status.hidden.values().map(|hidden| hidden.since).min();
            status.reasons(first.unwrap_or_else(Instant::now) + Duration::from_secs(seconds))
        };
        hide(10, 61);
        let begun = since();
        // More records come. The transaction is the same.
        hide(10, 71);
        assert_eq!(since(), begun);
        assert_eq!(reasons(89), []);
        let found = reasons(90);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(
            (found[0].kind, found[0].topic.as_deref(), found[0].partition),
            (HealthKind::OpenTransaction, Some("orders"), Some(3))
        );
        assert!(
            found[0]
                .text
                .starts_with("61 offsets are hidden by an open transaction, from offset 10 on"),
            "{found:?}"
        );
        // The next transaction has a time of its own.
        hide(65, 71);
        assert!(since() > begun);
        hide(71, 71);
        assert_eq!(reasons(1_000), []);
    }
}
