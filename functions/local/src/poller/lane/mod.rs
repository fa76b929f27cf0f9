//! One consumer's loop: poll, fill, hand over, commit.

mod ask;
mod give;
mod group;
mod poll;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, mpsc::Receiver},
    time::{Duration, Instant},
};

use rdkafka::{consumer::BaseConsumer, types::RDKafkaErrorCode};
use weir_kafka::TopicPartition;

use super::{
    assignment::LaneContext,
    batch::{Batch, Carried, Frame},
    hand::Hand,
    invoke::{Invoker, Outcome},
    loss::OffsetTracker,
    status::Shared,
};

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
    /// Where records go on behind a loss: no batch holds records of both sides.
    cuts: Vec<(TopicPartition, i64)>,
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
            self.hand_over();
            self.refill();
            self.ask_the_broker();
            self.wait();
        }
        self.commit();
        let assigned = self.assigned.len();
        self.shared.status().partitions_assigned -= assigned;
    }
}
