//! Polls records into the next batch, and decides how long to wait for them.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use rdkafka::{
    Message, Offset, consumer::Consumer, error::KafkaError, message::BorrowedMessage,
    types::RDKafkaErrorCode,
};
use weir_kafka::TopicPartition;
use weir_store::HealthKind;

use super::{
    super::{
        batch::{Batch, CarriedRecord},
        first_jump::FirstJumps,
        loss::OffsetTracker,
    },
    Worker,
};

/// The longest wait for a record when no other work is due. A stop is noticed within this time.
const IDLE_POLL: Duration = Duration::from_millis(100);

/// The wait for a record while the handler works, so that its outcome is noticed soon.
const BUSY_POLL: Duration = Duration::from_millis(1);

/// The time between a full next batch and a pause. A pause drops the records that librdkafka has
/// prefetched.
const PAUSE_AFTER: Duration = Duration::from_secs(1);

/// The number of records that are taken before the loop checks for other work.
const POLLS_MAX: usize = 500;

impl Worker {
    /// Moves carried records into the next batch, and resumes reading when it has space.
    pub(super) fn refill(&mut self) {
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
                self.set_paused(false);
            }
        }
    }

    /// Polls, or waits for the handler without polling. It never waits longer than until the next
    /// due action.
    pub(super) fn wait(&mut self) {
        if self.paused {
            self.poll_once(IDLE_POLL.min(self.handler_wait()));
        } else if self.shared.is_stopping() {
            self.set_paused(true);
        } else if self.is_full() && self.is_held() {
            let full_since = *self.full_since.get_or_insert_with(Instant::now);
            let left = PAUSE_AFTER.saturating_sub(full_since.elapsed());
            if left.is_zero() {
                self.set_paused(true);
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

    /// Returns how long a poll may wait without delaying the handler's next call.
    pub(super) fn handler_wait(&self) -> Duration {
        if self.is_running() { BUSY_POLL } else { self.retry_wait() }
    }

    pub(super) fn retry_wait(&self) -> Duration {
        self.retry_at
            .map_or(IDLE_POLL, |at| at.saturating_duration_since(Instant::now()).min(IDLE_POLL))
    }

    /// Counts offsets as read that librdkafka skipped at the end of a partition: transaction
    /// markers and aborted records.
    pub(super) fn pass_holes(&mut self) {
        // A carried record comes first.
        if !self.at_end || !self.carried.is_empty() {
            return;
        }
        self.at_end = false;
        let Ok(positions) = self.consumer.position() else { return };
        for element in positions.elements() {
            let Offset::Offset(position) = element.offset() else { continue };
            let known = self
                .assigned
                .iter()
                .find(|at| at.partition == element.partition() && *at.topic == *element.topic());
            let Some((at, next)) = known.and_then(|at| Some((at, self.tracker.next(at)?))) else {
                continue;
            };
            if self.old_positions.get(at) == Some(&position) {
                continue;
            }
            self.old_positions.remove(at);
            if next < position {
                if self.first_jumps.is_doubtful(at, next, position) {
                    continue;
                }
                if self.filling.is_empty() {
                    self.filled_since = Instant::now();
                }
                self.filling.push_hole(at, next, position);
                self.tracker.passed(at, position);
            }
        }
    }

    /// Polls once. Returns whether something came.
    pub(super) fn poll_once(&mut self, wait: Duration) -> bool {
        match self.consumer.poll(wait) {
            Some(Ok(message)) => {
                take(
                    &message,
                    &mut self.filling,
                    &mut self.filled_since,
                    &mut self.carried,
                    &mut self.tracker,
                    &mut self.first_jumps,
                    &self.assigned,
                );
                self.topic_error = None;
                true
            }
            Some(Err(KafkaError::PartitionEOF(_))) => {
                self.at_end = true;
                true
            }
            Some(Err(error)) => {
                self.kafka_error(&error);
                false
            }
            None => false,
        }
    }

    pub(super) fn kafka_error(&mut self, error: &KafkaError) {
        let code = error.rdkafka_error_code();
        let repeats = self.topic_error == code;
        self.unreadable.note(code);
        if matches!(error, KafkaError::MessageConsumptionFatal(_)) {
            // For example, another member with the same group.instance.id causes this error.
            self.limits.health.add(
                HealthKind::Consumer,
                "",
                None,
                format!(
                    "a worker has stopped reading: {error}; correct the cause and start weir again"
                ),
            );
            return;
        }
        match code {
            // SharedStatus reports the state of the connection once. The topic watch reports topics
            // that cannot be read.
            Some(
                RDKafkaErrorCode::AllBrokersDown
                | RDKafkaErrorCode::BrokerTransportFailure
                | RDKafkaErrorCode::OperationTimedOut
                | RDKafkaErrorCode::UnknownTopicOrPartition
                | RDKafkaErrorCode::TopicAuthorizationFailed,
            ) => {}
            _ if repeats => tracing::debug!(target: "kafka", "{error}"),
            _ => {
                tracing::warn!("Kafka: {error}");
                self.topic_error = code;
            }
        }
    }
}

/// Adds one record to the batch, or to the carried records when the batch is full. It is not a
/// method of the worker because the record borrows the consumer.
fn take(
    message: &BorrowedMessage<'_>,
    filling: &mut Batch,
    filled_since: &mut Instant,
    carried: &mut VecDeque<CarriedRecord>,
    tracker: &mut OffsetTracker,
    first_jumps: &mut FirstJumps,
    assigned: &[TopicPartition],
) {
    let known = assigned
        .iter()
        .find(|at| at.partition == message.partition() && *at.topic == *message.topic());
    // The partition was revoked while the record waited in the queue. The record belongs to another
    // worker.
    let Some(at) = known else {
        return;
    };
    let next = tracker.next(at).unwrap_or(message.offset());
    if first_jumps.is_doubtful(at, next, message.offset()) {
        return;
    }
    let from = tracker.seen(at, message.offset());
    if filling.is_empty() {
        *filled_since = Instant::now();
    }
    if !carried.is_empty() {
        // The record must not overtake the record that did not fit.
        carried.push_back(CarriedRecord::new(at, from, message));
    } else if let Err(left) = filling.push(at, from, message) {
        carried.push_back(left);
    }
}
