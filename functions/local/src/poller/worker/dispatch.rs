//! Dispatching batches to the handler, and committing what it stored.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use rdkafka::{
    consumer::{CommitMode, Consumer},
    error::KafkaError,
    types::RDKafkaErrorCode,
};

use weir_kafka::TopicPartition;

use super::{
    super::{InvokeError, backoff::pause, batch::Batch, in_flight::InFlight, invoke::InvokeOutcome, offset_lookup},
    Running, Worker,
};

/// A topic that has sent nothing for this long is quiet: the batch is dispatched before its window ends.
const QUIET_AFTER: Duration = Duration::from_millis(50);

impl Worker {
    pub(super) fn is_running(&self) -> bool {
        self.running.is_some()
    }

    pub(super) fn take_outcome(&mut self) {
        if let Ok(outcome) = self.outcome.try_recv() {
            self.finish(outcome);
        }
    }

    /// Commits after success and only then; after a failure the same batch waits for its next try.
    pub(super) fn finish(&mut self, outcome: InvokeOutcome) {
        match self.running.take() {
            Some(Running::Shared) => self.finish_shared(outcome),
            Some(Running::Topic(topic)) => self.finish_stuck(&topic, outcome),
            None => {}
        }
    }

    fn finish_shared(&mut self, outcome: InvokeOutcome) {
        let Some(in_flight) = &mut self.in_flight else {
            return;
        };
        match outcome {
            Ok(()) => {
                let (records, commits) = in_flight.succeeded();
                self.failures = 0;
                self.stored(records, commits);
            }
            Err(error) if error.is_outage() => {
                in_flight.again();
                self.failures += 1;
                let pause = pause(self.failures);
                self.retry_at = Some(Instant::now() + pause);
                self.note_failure(&error);
                if !self.shared.is_stopping() {
                    tracing::warn!("a batch failed: {error}; the same records again in {} ms", pause.as_millis());
                }
            }
            Err(error) => {
                let alone = in_flight.failed_alone();
                self.note_failure(&error);
                match alone {
                    Some(alone) => self.set_aside(alone, &error),
                    None => tracing::warn!("a batch failed: {error}; each of its topics again by itself"),
                }
            }
        }
        self.drop_batch_when_done();
    }

    pub(super) fn note_failure(&mut self, error: &InvokeError) {
        let mut status = self.shared.status();
        status.batches_failed += 1;
        status.last_error = Some(error.to_string());
        drop(status);
        if self.shared.is_stopping() {
            tracing::warn!("a batch failed: {error}; it stays in kafka until the next start");
        }
    }

    /// The handler took so many records, and these offsets may be committed.
    pub(super) fn stored(&mut self, records: usize, commits: BTreeMap<TopicPartition, i64>) {
        let mut status = self.shared.status();
        status.batches_ok += 1;
        status.records += records as u64;
        status.last_error = None;
        drop(status);
        self.uncommitted.extend(commits);
        self.commit();
    }

    pub(super) fn drop_batch_when_done(&mut self) {
        if self.in_flight.as_ref().is_some_and(InFlight::is_done) {
            self.in_flight = None;
            self.retry_at = None;
        }
    }

    /// Commits what is handled; a commit that the broker rejects now is retried.
    pub(super) fn commit(&mut self) {
        if self.uncommitted.is_empty() {
            self.commit_failed = false;
            return;
        }
        self.commit_tried = Instant::now();
        let done = offset_lookup::offsets(&self.uncommitted).and_then(|offsets| self.consumer.commit(&offsets, CommitMode::Sync));
        match done {
            Ok(()) => {
                let committed = std::mem::take(&mut self.uncommitted);
                self.shared.status().committed.extend(committed);
                self.commit_failed = false;
            }
            // A rebalance is under way: it is short, and every worker sees it.
            Err(KafkaError::ConsumerCommit(RDKafkaErrorCode::RebalanceInProgress)) => {}
            Err(error) if !self.commit_failed => {
                self.commit_failed = true;
                tracing::warn!("handled records cannot be committed: {error}; the next batch waits for it");
            }
            Err(error) => tracing::debug!("handled records cannot be committed: {error}"),
        }
    }

    /// Calls the handler when it is idle and a batch is due.
    pub(super) fn dispatch(&mut self) {
        if self.shared.is_stopping() || self.is_running() {
            return;
        }
        if !self.is_held() && self.due_in().is_some_and(|wait| wait.is_zero()) {
            let next = Batch::new(Arc::clone(&self.frame));
            let mut full = std::mem::replace(&mut self.filling, next);
            self.cut_at_losses(&mut full);
            self.in_flight = Some(InFlight::new(full));
            self.full_since = None;
        }
        // In turn, so that neither kind of batch waits for the other without end.
        self.is_turn_of_stuck = !self.is_turn_of_stuck;
        if self.is_turn_of_stuck {
            let _ = self.begin_stuck() || self.begin_shared();
        } else {
            let _ = self.begin_shared() || self.begin_stuck();
        }
    }

    fn begin_shared(&mut self) -> bool {
        if self.retry_at.is_some_and(|at| Instant::now() < at) {
            return false;
        }
        let Some(event) = self.in_flight.as_mut().and_then(InFlight::begin) else { return false };
        self.retry_at = None;
        self.running = Some(Running::Shared);
        self.invoker.start(event);
        true
    }

    /// Leaves the records behind a loss for the next batch, and those behind a jump that the broker does not explain now.
    ///
    /// Ingest takes holes inside one batch for compaction and transaction markers. A batch that begins behind the loss
    /// leaves a gap, which `weir reconcile` names, or finds to be a hole after all.
    fn cut_at_losses(&mut self, full: &mut Batch) {
        if self.shared.is_connected() {
            self.settle_jumps();
        }
        // A partition is cut once, at its first loss; the records behind a second one wait for a later batch.
        let mut cuts: Vec<_> = self.cuts.iter().cloned().chain(self.tracker.unsettled()).collect();
        cuts.sort();
        for (at, end) in &cuts {
            if let Some(later) = full.split_before(at, *end) {
                self.filling.append(later);
                self.filled_since = Instant::now();
            }
        }
        for (at, _, last) in full.spans() {
            self.cuts.retain(|(cut, end)| cut != at || last < *end);
        }
    }

    /// How long until the batch being filled is to be dispatched; `None` while it is empty.
    pub(super) fn due_in(&self) -> Option<Duration> {
        if self.filling.is_empty() {
            return None;
        }
        if self.is_full() {
            return Some(Duration::ZERO);
        }
        let window = self.limits.window.saturating_sub(self.filled_since.elapsed());
        Some(window.min(QUIET_AFTER.saturating_sub(self.last_record.elapsed())))
    }

    /// The next batch waits: for the handler, or for a commit that the broker did not take (what is dispatched
    /// meanwhile would only come again).
    pub(super) fn is_held(&self) -> bool {
        self.in_flight.is_some() || !self.uncommitted.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.filling.is_full() || !self.carried.is_empty()
    }
}
