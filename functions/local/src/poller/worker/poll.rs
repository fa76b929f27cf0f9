//! Polling: records into the next batch, and how long to wait for them.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use rdkafka::{
    Message, Offset, consumer::Consumer, error::KafkaError, message::BorrowedMessage,
    types::RDKafkaErrorCode,
};
use weir_kafka::TopicPartition;

use super::{
    super::{
        batch::{Batch, CarriedRecord},
        loss::OffsetTracker,
    },
    Worker,
};

/// Longest wait for a record while there is nothing else to do; a stop is noticed within it.
const IDLE_POLL: Duration = Duration::from_millis(100);

/// Wait for a record while the handler works, so that its outcome is noticed soon.
const BUSY_POLL: Duration = Duration::from_millis(5);

/// With the next batch full, wait this long before pausing: a pause throws away what librdkafka
/// prefetched.
const PAUSE_AFTER: Duration = Duration::from_secs(1);

/// Records taken in one go before the loop looks around.
const POLLS_MAX: usize = 500;

impl Worker {
    /// Puts carried records first into the next batch, and reads on when there is room.
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

    /// Polls, or waits for the handler without polling, never longer than something is due.
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

    /// How long a poll may wait without keeping the handler's next call waiting.
    pub(super) fn handler_wait(&self) -> Duration {
        if self.is_running() { BUSY_POLL } else { self.retry_wait() }
    }

    pub(super) fn retry_wait(&self) -> Duration {
        self.retry_at
            .map_or(IDLE_POLL, |at| at.saturating_duration_since(Instant::now()).min(IDLE_POLL))
    }

    /// What librdkafka passed over at the end of a partition (transaction markers, aborted records)
    /// is read like its records.
    pub(super) fn pass_holes(&mut self) {
        // A record that waits comes first.
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
                if self.filling.is_empty() {
                    self.filled_since = Instant::now();
                }
                self.filling.push_hole(at, next, position);
                self.tracker.passed(at, position);
            }
        }
    }

    /// Polls once; says whether something came.
    pub(super) fn poll_once(&mut self, wait: Duration) -> bool {
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
            // As another member with the same group.instance.id causes it.
            self.limits.health.add(
                "consumer",
                "",
                None,
                format!(
                    "a lane reads nothing any more: {error}; mend the cause and start weir again"
                ),
            );
            return;
        }
        match code {
            // The state of the connection is told once, by SharedStatus; which topic it is about,
            // by the look at the topics.
            Some(
                RDKafkaErrorCode::AllBrokersDown
                | RDKafkaErrorCode::BrokerTransportFailure
                | RDKafkaErrorCode::OperationTimedOut
                | RDKafkaErrorCode::UnknownTopicOrPartition
                | RDKafkaErrorCode::TopicAuthorizationFailed,
            ) => {}
            _ if repeats => tracing::debug!(target: "kafka", "{error}"),
            _ => {
                tracing::warn!("kafka: {error}");
                self.topic_error = code;
            }
        }
    }
}

/// Takes one record into the batch, or behind it when it is full. Apart from the worker because the
/// record borrows the consumer.
fn take(
    message: &BorrowedMessage<'_>,
    filling: &mut Batch,
    filled_since: &mut Instant,
    carried: &mut VecDeque<CarriedRecord>,
    tracker: &mut OffsetTracker,
    assigned: &[TopicPartition],
) {
    let known = assigned
        .iter()
        .find(|at| at.partition == message.partition() && *at.topic == *message.topic());
    // A record of a partition that was taken from us while it waited in the queue belongs to
    // another worker.
    let Some(at) = known else {
        return;
    };
    let from = tracker.seen(at, message.offset());
    if filling.is_empty() {
        *filled_since = Instant::now();
    }
    if !carried.is_empty() {
        // It may not overtake the record that did not fit.
        carried.push_back(CarriedRecord::new(at, from, message));
    } else if let Err(left) = filling.push(at, from, message) {
        carried.push_back(left);
    }
}
