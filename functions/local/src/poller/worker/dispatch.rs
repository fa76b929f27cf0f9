//! Dispatches batches to the handler, and commits the stored records.

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

use super::{
    super::{
        InvokeError,
        backoff::pause,
        batch::Batch,
        in_flight::{InFlight, Next},
        invoke::InvokeOutcome,
        offset_lookup,
        stuck_topic::Trouble,
    },
    Worker,
};
use weir_kafka::TopicPartition;
use weir_store::OpenedGap;

/// The interval in which a jump at the head of a batch is checked again while the broker does not
/// answer.
const EXPLAINED_EVERY: Duration = Duration::from_millis(100);

/// A batch collects records for this many times as long as the batch before it took. At a low rate
/// a record waits for some milliseconds, and the database works for at most a third of the time. At
/// a high rate the batches become larger, because records also arrive while the handler works.
const WINDOW_BATCHES: u32 = 3;

/// The limits of this time. When a batch takes longer than the longest window, the next one is due
/// at its end.
const WINDOW_MIN: Duration = Duration::from_millis(2);
const WINDOW_MAX: Duration = Duration::from_millis(50);

/// The window when no record arrived during the batch before.
pub(super) const WINDOW_IDLE: Duration = Duration::from_millis(10);

impl Worker {
    pub(super) fn is_running(&self) -> bool {
        self.in_flight.as_ref().is_some_and(InFlight::is_running)
    }

    pub(super) fn take_outcome(&mut self) {
        if let Ok(outcome) = self.outcome.try_recv() {
            self.finish(outcome);
        }
    }

    /// Commits after a success only. After a failure the same batch waits for its retry.
    pub(super) fn finish(&mut self, outcome: InvokeOutcome) {
        let Some(in_flight) = &mut self.in_flight else {
            return;
        };
        match outcome {
            Ok(gaps) => {
                let (records, commits) = in_flight.succeeded();
                self.failures = 0;
                let longest = if self.filling.is_empty() { WINDOW_IDLE } else { WINDOW_MAX };
                let window = self.dispatched.elapsed().saturating_mul(WINDOW_BATCHES);
                self.window = window.clamp(WINDOW_MIN, longest);
                let mut status = self.shared.status();
                status.batches_ok += 1;
                status.records += records as u64;
                status.last_error = None;
                drop(status);
                self.note_well(&commits);
                self.uncommitted.extend(commits);
                self.commit();
                self.read_again(&gaps);
            }
            Err(error) => {
                let mut status = self.shared.status();
                status.batches_failed += 1;
                status.last_error = Some(error.to_string());
                drop(status);
                self.failed(&error);
            }
        }
        self.drop_batch_when_done();
    }

    /// Handles a failure. An outage concerns every topic, so the same batch waits. Any other
    /// failure may concern one topic only, which must not stop the others.
    fn failed(&mut self, error: &InvokeError) {
        let Some(in_flight) = &mut self.in_flight else {
            return;
        };
        if error.is_outage() {
            in_flight.again();
            self.failures += 1;
            let pause = pause(self.failures);
            self.retry_at = Some(Instant::now() + pause);
            if self.shared.is_stopping() {
                tracing::warn!("a batch failed: {error}; it stays in Kafka until the next start");
            } else {
                tracing::warn!(
                    "a batch failed: {error}; retrying the same records in {} ms",
                    pause.as_millis()
                );
            }
            return;
        }
        match in_flight.failed(self.limits.bisect) {
            Next::Again => {
                tracing::warn!("a batch failed: {error}; retrying its records in smaller batches");
            }
            Next::WithoutTopic(topic) => {
                let took = self.dispatched.elapsed();
                self.set_aside(&topic, Trouble::Batch, error, took);
            }
        }
    }

    /// Ends the trial of topics whose records were all handled.
    fn note_well(&mut self, commits: &BTreeMap<TopicPartition, i64>) {
        let is_through = |topic: &&Arc<str>| {
            commits.keys().any(|at| at.topic == **topic)
                && self.in_flight.as_ref().is_none_or(|in_flight| !in_flight.has(topic))
        };
        let well: Vec<_> = self.topics_on_trial().filter(is_through).cloned().collect();
        for topic in well {
            self.is_well(&topic);
        }
    }

    /// Reads gaps again that the database has before this batch: the database was restored to an
    /// earlier state.
    ///
    /// Gaps that the broker has lost are not read again. Partitions with waiting pieces of this
    /// batch are left out, since their records are sent anyway.
    fn read_again(&mut self, gaps: &[OpenedGap]) {
        let lacking = gaps.iter().filter(|gap| !self.shared.has_lost(gap));
        let places = lacking.map(|gap| TopicPartition::new(&gap.topic, gap.partition));
        let is_whole = |at: &TopicPartition| {
            self.in_flight.as_ref().is_none_or(|in_flight| !in_flight.waits_for(at))
        };
        let places: Vec<_> =
            places.filter(|at| self.assigned.contains(at) && is_whole(at)).collect();
        if !places.is_empty() {
            self.restart(places);
        }
    }

    pub(super) fn drop_batch_when_done(&mut self) {
        if self.in_flight.as_ref().is_some_and(InFlight::is_done) {
            self.in_flight = None;
            self.retry_at = None;
        }
    }

    /// Commits the handled records. A commit that the broker rejects is retried.
    pub(super) fn commit(&mut self) {
        if self.uncommitted.is_empty() {
            self.commit_failed = false;
            return;
        }
        self.commit_tried = Instant::now();
        let done = offset_lookup::offsets(&self.uncommitted)
            .and_then(|offsets| self.consumer.commit(&offsets, CommitMode::Sync));
        match done {
            Ok(()) => {
                let committed = std::mem::take(&mut self.uncommitted);
                self.shared.status().committed.extend(committed);
                self.commit_failed = false;
            }
            // A rebalance is running. It is short, and every worker notices it.
            Err(KafkaError::ConsumerCommit(RDKafkaErrorCode::RebalanceInProgress)) => {}
            Err(error) if !self.commit_failed => {
                self.commit_failed = true;
                tracing::warn!(
                    "cannot commit the handled records: {error}; the next batch waits for the \
                        commit"
                );
            }
            Err(error) => tracing::debug!("cannot commit the handled records: {error}"),
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
            self.full_since = None;
            if full.is_empty() {
                self.unexplained_until = Some(Instant::now() + EXPLAINED_EVERY);
                return;
            }
            self.in_flight = Some(InFlight::new(full, self.topics_on_trial()));
        }
        if self.retry_at.is_some_and(|at| Instant::now() < at) {
            return;
        }
        if let Some((event, read)) = self.in_flight.as_mut().and_then(InFlight::begin) {
            self.retry_at = None;
            self.dispatched = Instant::now();
            self.invoker.start(event, read);
        }
    }

    /// Moves records to the next batch: those after a loss, and those after a jump that the broker
    /// has not explained.
    ///
    /// Ingest settles offsets that were read without a record. A batch that begins after the loss
    /// leaves a gap, which `weir reconcile` reports.
    fn cut_at_losses(&mut self, full: &mut Batch) {
        if self.shared.is_connected() {
            self.settle_jumps();
        }
        // A partition is cut once, at its first loss. Records after a second loss wait for a later
        // batch.
        let losses = self.cuts.iter().cloned().map(|(at, end)| (at, end, true));
        let mut cuts: Vec<_> =
            losses.chain(self.tracker.unsettled().map(|(at, end)| (at, end, false))).collect();
        cuts.sort();
        for (at, end, is_loss) in &cuts {
            let later =
                if *is_loss { full.cut_at_loss(at, *end) } else { full.split_before(at, *end) };
            if let Some(later) = later {
                self.filling.append(later);
                self.filled_since = Instant::now();
            }
        }
        for (at, read) in full.spans() {
            self.cuts.retain(|(cut, end)| cut != at || read.end < *end);
        }
    }

    /// Returns the time until the batch that is being filled is due; `None` while it is empty.
    pub(super) fn due_in(&self) -> Option<Duration> {
        if self.filling.is_empty() {
            return None;
        }
        if let Some(wait) =
            self.unexplained_until.and_then(|until| until.checked_duration_since(Instant::now()))
        {
            return Some(wait);
        }
        if self.is_full() {
            return Some(Duration::ZERO);
        }
        Some(self.window.saturating_sub(self.filled_since.elapsed()))
    }

    /// Returns whether the next batch must wait: for the handler, for a commit that the broker did
    /// not accept, or for the broker's answer about a jump.
    ///
    /// A batch that is dispatched before a failed commit could be read again.
    pub(super) fn is_held(&self) -> bool {
        let is_unexplained = self.unexplained_until.is_some_and(|until| Instant::now() < until);
        self.in_flight.is_some() || !self.uncommitted.is_empty() || is_unexplained
    }

    pub(super) fn is_full(&self) -> bool {
        self.filling.is_full() || !self.carried.is_empty()
    }
}
