//! The loop of one worker: poll, fill, dispatch, commit.

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
    first_jump::FirstJumps,
    in_flight::InFlight,
    invoke::{InvokeOutcome, Invoker},
    loss::OffsetTracker,
    starting::Starting,
    status::SharedStatus,
    stuck_topic::StuckTopic,
    unreadable::UnreadableCheck,
};

/// The part of the configuration that the loop needs.
pub(super) struct WorkerLimits {
    pub bisect: bool,
    /// The topic whose metadata is fetched when the broker seems away.
    pub probe: String,
    pub health: HealthReasons,
}

/// The state of a worker. [`poller`](super) describes how a record passes through it.
pub(super) struct Worker {
    consumer: BaseConsumer<WorkerContext>,
    frame: Arc<EventFrame>,
    limits: WorkerLimits,
    shared: Arc<SharedStatus>,
    invoker: Invoker,
    outcome: Receiver<InvokeOutcome>,

    /// Assigned partitions that are not read yet.
    starting: Starting,
    /// Assigned partitions that are read.
    assigned: Vec<TopicPartition>,
    /// Whether the end of a partition was reached, so that positions may be higher than the last
    /// record.
    at_end: bool,
    /// The positions of partitions before they were set back. librdkafka returns the old position
    /// until the next record.
    old_positions: BTreeMap<TopicPartition, i64>,
    tracker: OffsetTracker,
    first_jumps: FirstJumps,
    filling: Batch,
    filled_since: Instant,
    carried: VecDeque<CarriedRecord>,
    in_flight: Option<InFlight>,
    /// The time to fill the next batch.
    window: Duration,
    /// The time at which the handler got the current batch.
    dispatched: Instant,
    /// Topics that are set aside.
    stuck: BTreeMap<Arc<str>, StuckTopic>,
    /// The number of the last topic change that this worker has checked.
    changes_seen: u64,
    /// The number of times that this worker has joined the group again.
    joins: u64,
    unreadable: UnreadableCheck,
    failures: u32,
    retry_at: Option<Instant>,
    full_since: Option<Instant>,
    paused: bool,
    uncommitted: BTreeMap<TopicPartition, i64>,
    commit_tried: Instant,
    commit_failed: bool,
    jumps_checked: Instant,
    /// No batch is dispatched before this time: the broker has not explained a jump at its head.
    unexplained_until: Option<Instant>,
    /// The first offset after each loss. No batch has records of both sides.
    cuts: Vec<(TopicPartition, i64)>,
    probed: Option<Instant>,
    topic_error: Option<RDKafkaErrorCode>,
}

impl Worker {
    pub(super) fn new(
        consumer: BaseConsumer<WorkerContext>,
        frame: Arc<EventFrame>,
        limits: WorkerLimits,
        shared: Arc<SharedStatus>,
        (invoker, outcome): (Invoker, Receiver<InvokeOutcome>),
        starting: Starting,
        unreadable: UnreadableCheck,
    ) -> Self {
        let now = Instant::now();
        Self {
            filling: Batch::new(Arc::clone(&frame)),
            consumer,
            frame,
            limits,
            shared,
            invoker,
            outcome,
            starting,
            assigned: Vec::new(),
            at_end: false,
            old_positions: BTreeMap::new(),
            tracker: OffsetTracker::default(),
            first_jumps: FirstJumps::default(),
            filled_since: now,
            carried: VecDeque::new(),
            in_flight: None,
            window: dispatch::WINDOW_IDLE,
            dispatched: now,
            stuck: BTreeMap::new(),
            changes_seen: 0,
            joins: 0,
            unreadable,
            failures: 0,
            retry_at: None,
            full_since: None,
            paused: false,
            uncommitted: BTreeMap::new(),
            commit_tried: now,
            commit_failed: false,
            jumps_checked: now,
            unexplained_until: None,
            cuts: Vec::new(),
            probed: None,
            topic_error: None,
        }
    }

    /// Runs until the poller stops. Then the consumer is dropped, which leaves the group.
    pub(super) fn run(mut self) {
        loop {
            self.take_changes();
            self.join_again();
            self.try_stuck();
            self.restart_changed();
            self.start_waiting();
            self.take_outcome();
            if self.shared.is_stopping() && !self.is_running() {
                break;
            }
            self.pass_holes();
            self.start_doubtful();
            self.dispatch();
            self.refill();
            self.check_broker();
            self.check_stored();
            self.wait();
        }
        self.commit();
        for (topic, stuck) in &self.stuck {
            self.limits.health.remove_topic(stuck.trouble.kind(), topic);
        }
        self.shared.status().partitions_assigned -= self.held_partitions();
    }
}
