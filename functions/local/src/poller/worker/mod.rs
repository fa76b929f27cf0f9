//! One consumer's loop: poll, fill, dispatch, commit.

mod broker_checks;
mod dispatch;
mod poll;
mod rebalance;
mod set_aside;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, mpsc::Receiver},
    time::{Duration, Instant},
};

use rdkafka::{consumer::BaseConsumer, types::RDKafkaErrorCode};
use weir_kafka::TopicPartition;
use weir_store::HealthReasons;

use super::{
    assignment::WorkerContext,
    batch::{Batch, CarriedRecord, EventFrame},
    in_flight::InFlight,
    invoke::{InvokeOutcome, Invoker},
    loss::OffsetTracker,
    status::SharedStatus,
    stuck_topic::StuckTopic,
};

/// Whose batch the handler has.
enum Running {
    /// The one of all topics that are well.
    Shared,
    /// The one of a topic that fails.
    Topic(Arc<str>),
}

/// What of the configuration the loop itself needs.
pub(super) struct WorkerLimits {
    pub window: Duration,
    pub bisect: bool,
}

/// A worker's state. [`poller`](super) describes the life of a record through it.
pub(super) struct Worker {
    consumer: BaseConsumer<WorkerContext>,
    frame: Arc<EventFrame>,
    limits: WorkerLimits,
    /// The topic whose metadata is fetched when the broker seems away.
    probe: String,
    shared: Arc<SharedStatus>,
    health: HealthReasons,
    invoker: Invoker,
    outcome: Receiver<InvokeOutcome>,

    assigned: Vec<TopicPartition>,
    tracker: OffsetTracker,
    filling: Batch,
    filled_since: Instant,
    last_record: Instant,
    carried: VecDeque<CarriedRecord>,
    in_flight: Option<InFlight>,
    running: Option<Running>,
    /// Topics whose batches fail while others go through.
    stuck: BTreeMap<Arc<str>, StuckTopic>,
    /// One of those has its turn before the others.
    is_turn_of_stuck: bool,
    failures: u32,
    retry_at: Option<Instant>,
    full_since: Option<Instant>,
    paused: bool,
    uncommitted: BTreeMap<TopicPartition, i64>,
    commit_tried: Instant,
    commit_failed: bool,
    jumps_checked: Instant,
    /// Where records go on behind a loss: no batch holds records of both sides.
    cuts: Vec<(TopicPartition, i64)>,
    probed: Option<Instant>,
    topic_error: Option<RDKafkaErrorCode>,
}

impl Worker {
    pub(super) fn new(
        consumer: BaseConsumer<WorkerContext>,
        frame: Arc<EventFrame>,
        limits: WorkerLimits,
        probe: String,
        shared: Arc<SharedStatus>,
        health: HealthReasons,
        invoker: Invoker,
        outcome: Receiver<InvokeOutcome>,
    ) -> Self {
        let now = Instant::now();
        Self {
            filling: Batch::new(Arc::clone(&frame)),
            consumer,
            frame,
            limits,
            probe,
            shared,
            health,
            invoker,
            outcome,
            assigned: Vec::new(),
            tracker: OffsetTracker::default(),
            filled_since: now,
            last_record: now,
            carried: VecDeque::new(),
            in_flight: None,
            running: None,
            stuck: BTreeMap::new(),
            is_turn_of_stuck: false,
            failures: 0,
            retry_at: None,
            full_since: None,
            paused: false,
            uncommitted: BTreeMap::new(),
            commit_tried: now,
            commit_failed: false,
            jumps_checked: now,
            cuts: Vec::new(),
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
            self.dispatch();
            self.refill();
            self.check_broker();
            self.wait();
        }
        self.commit();
        for topic in self.stuck.keys() {
            self.health.remove_topic("batch", topic);
        }
        let assigned = self.assigned.len();
        self.shared.status().partitions_assigned -= assigned;
    }
}
