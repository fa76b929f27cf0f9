//! One consumer's loop: poll, fill, hand over, commit.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, mpsc::Receiver},
    time::{Duration, Instant},
};

use rdkafka::{
    Message,
    consumer::{BaseConsumer, CommitMode, Consumer},
    error::KafkaError,
    message::BorrowedMessage,
    types::RDKafkaErrorCode,
};

use super::{
    assignment::{Change, LaneContext},
    backoff::pause,
    batch::{Batch, Carried, Frame},
    hand::Hand,
    invoke::{Invoker, Outcome},
    lookup,
    loss::OffsetTracker,
    status::Shared,
};
use crate::broker::TopicPartition;

/// A topic that has sent nothing for this long is quiet: the batch is handed over before its window ends.
const QUIET_AFTER: Duration = Duration::from_millis(50);

/// Longest wait for a record while there is nothing else to do; a stop is noticed within it.
const IDLE_POLL: Duration = Duration::from_millis(100);

/// Wait for a record while the handler works, so that its outcome is noticed soon.
const BUSY_POLL: Duration = Duration::from_millis(5);

/// With the next batch full, wait this long before pausing: a pause throws away what librdkafka prefetched.
const PAUSE_AFTER: Duration = Duration::from_secs(1);

/// How often a broker that is away is asked, and how long an answer may take.
const PROBE_EVERY: Duration = Duration::from_secs(1);
const PROBE_TIMEOUT: Duration = Duration::from_millis(500);

/// How often jumps in the offsets are held against the broker: compacted topics jump all the time.
const JUMPS_EVERY: Duration = Duration::from_secs(1);

/// How often a commit that failed is tried again; until then no further batch is handed over.
const COMMIT_RETRY_EVERY: Duration = Duration::from_millis(500);

/// Records taken in one go before the loop looks around.
const POLLS_MAX: usize = 500;

/// What of the configuration the loop itself needs.
pub(super) struct Limits {
    pub window: Duration,
    pub bisect: bool,
}

/// A lane's state; see the module's head for the way of a record through it.
pub(super) struct Lane {
    consumer: BaseConsumer<LaneContext>,
    frame: Arc<Frame>,
    limits: Limits,
    /// A topic to ask for when the broker seems away.
    probe: String,
    shared: Arc<Shared>,
    invoker: Invoker,
    outcome: Receiver<Outcome>,

    assigned: Vec<TopicPartition>,
    tracker: OffsetTracker,
    filling: Batch,
    filled_since: Instant,
    last_record: Instant,
    carried: VecDeque<Carried>,
    hand: Option<Hand>,
    failures: u32,
    retry_at: Option<Instant>,
    full_since: Option<Instant>,
    paused: bool,
    uncommitted: BTreeMap<TopicPartition, i64>,
    commit_tried: Instant,
    commit_failed: bool,
    jumps_asked: Instant,
    probed: Option<Instant>,
    topic_error: Option<RDKafkaErrorCode>,
}

impl Lane {
    pub(super) fn new(
        consumer: BaseConsumer<LaneContext>,
        frame: Arc<Frame>,
        limits: Limits,
        probe: String,
        shared: Arc<Shared>,
        invoker: Invoker,
        outcome: Receiver<Outcome>,
    ) -> Self {
        let now = Instant::now();
        Self {
            filling: Batch::new(Arc::clone(&frame)),
            consumer,
            frame,
            limits,
            probe,
            shared,
            invoker,
            outcome,
            assigned: Vec::new(),
            tracker: OffsetTracker::default(),
            filled_since: now,
            last_record: now,
            carried: VecDeque::new(),
            hand: None,
            failures: 0,
            retry_at: None,
            full_since: None,
            paused: false,
            uncommitted: BTreeMap::new(),
            commit_tried: now,
            commit_failed: false,
            jumps_asked: now,
            probed: None,
            topic_error: None,
        }
    }

    /// Runs until the poller stops; then the consumer is dropped, which leaves the group.
    pub(super) fn run(mut self) {
        loop {
            self.take_changes();
            self.take_outcome();
            if self.shared.is_stopping() && !self.is_running() {
                break;
            }
            self.hand_over();
            self.refill();
            self.ask_the_broker();
            self.wait();
        }
        self.commit();
        let assigned = self.assigned.len();
        self.shared.status().partitions_assigned -= assigned;
    }

    fn is_running(&self) -> bool {
        self.hand.as_ref().is_some_and(Hand::is_running)
    }

    /// Follows what the group decided; before any record of a new partition is read.
    fn take_changes(&mut self) {
        for change in self.consumer.context().take_changes() {
            match change {
                Change::Assigned(partitions) => self.assigned(partitions),
                Change::Revoked(partitions) => self.revoked(&partitions),
            }
        }
    }

    fn assigned(&mut self, partitions: Vec<TopicPartition>) {
        let standings = lookup::standings(&self.consumer, &partitions, &self.shared);
        for standing in standings.into_iter().flatten() {
            // A group that never committed began where this poller first saw the partition.
            let known = self.shared.status().committed.get(&standing.at).copied();
            let next = standing.committed.or(known).unwrap_or(standing.low);
            if let Some(range) = self.tracker.assigned(&standing.at, next, standing.low) {
                self.shared.lost(&range);
            }
            self.shared.status().committed.insert(standing.at, next);
        }
        self.shared.status().partitions_assigned += partitions.len();
        self.assigned.extend(partitions);
        // librdkafka remembers a pause across assignments: a partition that comes back would stay silent.
        if self.paused {
            self.pause();
        } else {
            self.resume();
        }
    }

    fn revoked(&mut self, partitions: &[TopicPartition]) {
        for at in partitions {
            self.filling.remove(at);
            self.tracker.revoked(at);
            self.uncommitted.remove(at);
            if let Some(hand) = &mut self.hand {
                hand.remove(at);
            }
        }
        self.carried
            .retain(|carried| !partitions.contains(&carried.at));
        let before = self.assigned.len();
        self.assigned.retain(|at| !partitions.contains(at));
        self.shared.status().partitions_assigned -= before - self.assigned.len();
        self.drop_hand_when_done();
    }

    fn take_outcome(&mut self) {
        if let Ok(outcome) = self.outcome.try_recv() {
            self.finish(outcome);
        }
    }

    /// Commits after success and only then; after a failure the same batch waits for its next try.
    fn finish(&mut self, outcome: Outcome) {
        let Some(hand) = &mut self.hand else {
            return;
        };
        match outcome {
            Ok(()) => {
                let (records, commits) = hand.succeeded();
                self.failures = 0;
                let mut status = self.shared.status();
                status.batches_ok += 1;
                status.records += records as u64;
                status.last_error = None;
                drop(status);
                self.uncommitted.extend(commits);
                self.commit();
            }
            Err(error) => {
                hand.failed(self.limits.bisect);
                self.failures += 1;
                let pause = pause(self.failures);
                self.retry_at = Some(Instant::now() + pause);
                let mut status = self.shared.status();
                status.batches_failed += 1;
                status.last_error = Some(error.to_string());
                drop(status);
                if self.shared.is_stopping() {
                    tracing::warn!("a batch failed: {error}; it stays in kafka until the next start");
                } else {
                    tracing::warn!(
                        "a batch failed: {error}; the same records again in {} ms",
                        pause.as_millis()
                    );
                }
            }
        }
        self.drop_hand_when_done();
    }

    fn drop_hand_when_done(&mut self) {
        if self.hand.as_ref().is_some_and(Hand::is_done) {
            self.hand = None;
            self.retry_at = None;
        }
    }

    /// Commits what is handled; what the broker does not take now is tried again.
    fn commit(&mut self) {
        if self.uncommitted.is_empty() {
            self.commit_failed = false;
            return;
        }
        self.commit_tried = Instant::now();
        let done = lookup::offsets(&self.uncommitted)
            .and_then(|offsets| self.consumer.commit(&offsets, CommitMode::Sync));
        match done {
            Ok(()) => {
                let committed = std::mem::take(&mut self.uncommitted);
                self.shared.status().committed.extend(committed);
                self.commit_failed = false;
            }
            // The group is being balanced anew: a short while, and it shows in every lane.
            Err(KafkaError::ConsumerCommit(RDKafkaErrorCode::RebalanceInProgress)) => {}
            Err(error) if !self.commit_failed => {
                self.commit_failed = true;
                tracing::warn!("handled records cannot be committed: {error}; the next batch waits for it");
            }
            Err(error) => tracing::debug!("handled records cannot be committed: {error}"),
        }
    }

    /// Calls the handler when it is free and a batch is due.
    fn hand_over(&mut self) {
        if self.shared.is_stopping() || self.is_running() {
            return;
        }
        if !self.is_held() && self.due_in().is_some_and(|wait| wait.is_zero()) {
            let next = Batch::new(Arc::clone(&self.frame));
            let full = std::mem::replace(&mut self.filling, next);
            self.hand = Some(Hand::new(full));
            self.full_since = None;
        }
        if self.retry_at.is_some_and(|at| Instant::now() < at) {
            return;
        }
        if let Some(event) = self.hand.as_mut().and_then(Hand::begin) {
            self.retry_at = None;
            self.invoker.start(event);
        }
    }

    /// How long until the batch being filled is to be handed over; `None` while it is empty.
    fn due_in(&self) -> Option<Duration> {
        if self.filling.is_empty() {
            return None;
        }
        if self.is_full() {
            return Some(Duration::ZERO);
        }
        let window = self
            .limits
            .window
            .saturating_sub(self.filled_since.elapsed());
        Some(window.min(QUIET_AFTER.saturating_sub(self.last_record.elapsed())))
    }

    /// The next batch waits: for the handler, or for a commit that the broker did not take (what is handed over
    /// meanwhile would only come again).
    fn is_held(&self) -> bool {
        self.hand.is_some() || !self.uncommitted.is_empty()
    }

    fn is_full(&self) -> bool {
        self.filling.is_full() || !self.carried.is_empty()
    }

    /// Puts carried records first into the next batch, and reads on when there is room.
    fn refill(&mut self) {
        while let Some(carried) = self.carried.pop_front() {
            if self.filling.is_empty() {
                self.filled_since = Instant::now();
            }
            if let Err(carried) = self.filling.push_carried(carried) {
                self.carried.push_front(carried);
                break;
            }
        }
        if !self.is_full() {
            self.full_since = None;
            if self.paused && !self.shared.is_stopping() {
                self.resume();
            }
        }
    }

    /// Polls, or waits for the handler without polling, never longer than something is due.
    fn wait(&mut self) {
        if self.paused {
            self.poll_once(IDLE_POLL.min(self.handler_wait()));
        } else if self.shared.is_stopping() {
            self.pause();
        } else if self.is_full() && self.is_held() {
            let full_since = *self.full_since.get_or_insert_with(Instant::now);
            let left = PAUSE_AFTER.saturating_sub(full_since.elapsed());
            if left.is_zero() {
                self.pause();
            } else {
                let wait = IDLE_POLL.min(left).min(self.retry_wait());
                if let Ok(outcome) = self.outcome.recv_timeout(wait) {
                    self.finish(outcome);
                }
            }
        } else {
            let due = self.due_in().filter(|_| !self.is_held());
            let wait = due.unwrap_or(IDLE_POLL).min(self.handler_wait());
            if self.poll_once(wait) {
                let mut polls = 1;
                while polls < POLLS_MAX && !self.is_full() && self.poll_once(Duration::ZERO) {
                    polls += 1;
                }
            }
        }
    }

    /// How long a poll may wait without keeping the handler's next call waiting.
    fn handler_wait(&self) -> Duration {
        if self.is_running() {
            BUSY_POLL
        } else {
            self.retry_wait()
        }
    }

    fn retry_wait(&self) -> Duration {
        self.retry_at.map_or(IDLE_POLL, |at| {
            at.saturating_duration_since(Instant::now()).min(IDLE_POLL)
        })
    }

    /// Polls once; says whether a record came.
    fn poll_once(&mut self, wait: Duration) -> bool {
        match self.consumer.poll(wait) {
            Some(Ok(message)) => {
                take(
                    &message,
                    &mut self.filling,
                    &mut self.filled_since,
                    &mut self.carried,
                    &mut self.tracker,
                    &self.assigned,
                );
                self.last_record = Instant::now();
                self.topic_error = None;
                true
            }
            Some(Err(error)) => {
                self.kafka_error(&error);
                false
            }
            None => false,
        }
    }

    fn kafka_error(&mut self, error: &KafkaError) {
        let code = error.rdkafka_error_code();
        let repeats = self.topic_error == code;
        match code {
            // The state of the connection is told once, by Shared.
            Some(
                RDKafkaErrorCode::AllBrokersDown
                | RDKafkaErrorCode::BrokerTransportFailure
                | RDKafkaErrorCode::OperationTimedOut,
            ) => {}
            Some(RDKafkaErrorCode::UnknownTopicOrPartition) if !repeats => {
                tracing::warn!("kafka does not know one of the topics yet: waiting for it");
                self.topic_error = code;
            }
            _ if repeats => tracing::debug!(target: "kafka", "{error}"),
            _ => {
                tracing::warn!("kafka: {error}");
                self.topic_error = code;
            }
        }
    }

    fn pause(&mut self) {
        let list = lookup::list(self.assigned.iter());
        if let Err(error) = self.consumer.pause(&list) {
            tracing::debug!(target: "kafka", "pause: {error}");
        }
        self.paused = true;
    }

    fn resume(&mut self) {
        let list = lookup::list(self.assigned.iter());
        if let Err(error) = self.consumer.resume(&list) {
            tracing::debug!(target: "kafka", "resume: {error}");
        }
        self.paused = false;
    }

    /// Questions beside polling, each at most once in a while: is the broker back, are jumps losses, does it take
    /// the commit now.
    fn ask_the_broker(&mut self) {
        let due = |last: Instant, every| last.elapsed() >= every;
        if !self.shared.is_connected() {
            if self.probed.is_none_or(|at| due(at, PROBE_EVERY)) && !self.shared.is_stopping() {
                self.probed = Some(Instant::now());
                let answer = self
                    .consumer
                    .fetch_metadata(Some(&self.probe), PROBE_TIMEOUT);
                if answer.is_ok() {
                    self.shared.set_connected(true);
                }
            }
            return;
        }
        if due(self.jumps_asked, JUMPS_EVERY) {
            let jumped = self.tracker.jumped();
            if !jumped.is_empty() {
                self.jumps_asked = Instant::now();
            }
            for at in jumped {
                if let Ok(low) = lookup::low(&self.consumer, &at) {
                    for range in self.tracker.settle(&at, low) {
                        self.shared.lost(&range);
                    }
                }
            }
        }
        if due(self.commit_tried, COMMIT_RETRY_EVERY) {
            self.commit();
        }
    }
}

/// Takes one record into the batch, or behind it when it is full. Apart from the lane because the record borrows
/// the consumer.
fn take(
    message: &BorrowedMessage<'_>,
    filling: &mut Batch,
    filled_since: &mut Instant,
    carried: &mut VecDeque<Carried>,
    tracker: &mut OffsetTracker,
    assigned: &[TopicPartition],
) {
    let known = assigned
        .iter()
        .find(|at| at.partition == message.partition() && *at.topic == *message.topic());
    // A record of a partition that was taken from us while it waited in the queue belongs to another lane.
    let Some(at) = known else {
        return;
    };
    tracker.seen(at, message.offset());
    if filling.is_empty() {
        *filled_since = Instant::now();
    }
    if !carried.is_empty() {
        // It may not overtake the record that did not fit.
        carried.push_back(Carried::new(at, message));
    } else if let Err(left) = filling.push(at, message) {
        carried.push_back(left);
    }
}
