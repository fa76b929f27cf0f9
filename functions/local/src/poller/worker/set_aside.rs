//! Topics that fail by themselves: set aside, tried again, read on.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use rdkafka::{Offset, TopicPartitionList, consumer::Consumer, error::KafkaResult};
use weir_kafka::TopicPartition;

use super::{
    super::{InvokeError, in_flight::InFlight, invoke::InvokeOutcome, offset_lookup, stuck_topic::StuckTopic},
    Running, Worker,
};

/// The kind of reason by which a topic that fails is named.
const REASON: &str = "batch";

/// How long librdkafka may take to go to other offsets.
const SEEK_TIMEOUT: Duration = Duration::from_secs(2);

impl Worker {
    /// Takes a topic out of the way of the others: its partitions are paused, and what was read of them behind the batch that
    /// failed is read again later.
    pub(super) fn set_aside(&mut self, alone: InFlight, error: &InvokeError) {
        let Some(topic) = alone.topic() else { return };
        let mut next = BTreeMap::new();
        for at in self.assigned.iter().filter(|at| at.topic == topic) {
            let carried = self.carried.iter().find(|carried| carried.at == *at).map(|carried| carried.offset);
            if let Some(offset) = self.filling.first_offset(at).or(carried).or_else(|| self.tracker.next(at)) {
                next.insert(at.clone(), offset);
            }
            self.filling.remove(at);
        }
        self.carried.retain(|carried| carried.at.topic != topic);
        for (at, offset) in &next {
            self.tracker.rewound(at, *offset);
        }
        if let Err(error) = self.consumer.pause(&offset_lookup::list(next.keys())) {
            tracing::debug!(target: "kafka", "pause: {error}");
        }
        let stuck = StuckTopic::new(alone, next);
        self.name_stuck(&topic, &stuck, error);
        self.stuck.insert(topic, stuck);
    }

    /// Gives the handler the batch of a topic whose time has come, or reads the topic on; says whether the handler has one now.
    pub(super) fn begin_stuck(&mut self) -> bool {
        if !self.uncommitted.is_empty() {
            return false;
        }
        let due = self.stuck.iter().find(|(_, stuck)| stuck.wait().is_zero());
        let Some(topic) = due.map(|(topic, _)| Arc::clone(topic)) else { return false };
        match self.stuck.get_mut(&topic).and_then(StuckTopic::begin) {
            Some(event) => {
                self.running = Some(Running::Topic(topic));
                self.invoker.start(event);
                true
            }
            None => {
                self.read_on(&topic);
                false
            }
        }
    }

    /// What became of the batch of a topic that fails.
    pub(super) fn finish_stuck(&mut self, topic: &Arc<str>, outcome: InvokeOutcome) {
        // Its partitions may have been revoked meanwhile.
        let Some(stuck) = self.stuck.get_mut(topic) else { return };
        match outcome {
            Ok(()) => {
                let (records, commits) = stuck.in_flight.succeeded();
                stuck.succeeded();
                let is_done = stuck.in_flight.is_done();
                self.stored(records, commits);
                if is_done {
                    self.read_on(topic);
                }
            }
            Err(error) => {
                if error.is_outage() {
                    stuck.in_flight.again();
                } else {
                    stuck.in_flight.failed(self.limits.bisect);
                }
                stuck.failed(error.is_outage());
                self.note_failure(&error);
                if let Some(stuck) = self.stuck.get(topic) {
                    self.name_stuck(topic, stuck, &error);
                }
            }
        }
    }

    /// The topic is well again: its partitions are read on.
    fn read_on(&mut self, topic: &Arc<str>) {
        let Some(mut stuck) = self.stuck.remove(topic) else { return };
        match self.seek(&stuck.next) {
            Ok(()) => self.health.remove(REASON, topic, None),
            Err(error) => {
                stuck.failed(false);
                tracing::warn!("topic {topic} cannot be read on: {error}; trying again in {} ms", stuck.wait().as_millis());
                self.stuck.insert(Arc::clone(topic), stuck);
            }
        }
    }

    /// Goes on reading these partitions at these offsets.
    fn seek(&mut self, next: &BTreeMap<TopicPartition, i64>) -> KafkaResult<()> {
        let mut list = TopicPartitionList::with_capacity(next.len());
        for (at, offset) in next {
            list.add_partition_offset(&at.topic, at.partition, Offset::Offset(*offset))?;
            self.tracker.rewound(at, *offset);
        }
        // In this order: what is fetched in between is dropped by librdkafka, since it is older than the seek.
        if !self.paused {
            self.consumer.resume(&list)?;
        }
        let sought = self.consumer.seek_partitions(list, SEEK_TIMEOUT)?;
        sought.elements().iter().try_for_each(rdkafka::topic_partition_list::TopicPartitionListElem::error)
    }

    fn name_stuck(&self, topic: &Arc<str>, stuck: &StuckTopic, error: &InvokeError) {
        let text = format!("its batch fails: {error}; it is tried again with growing delays, of a minute at most");
        self.health.add(REASON, topic, None, text);
        tracing::warn!("a batch of topic {topic} failed: {error}; the same records again in {} ms", stuck.wait().as_millis());
    }

    /// Forgets a partition of a topic that is set aside.
    pub(super) fn revoked_stuck(&mut self, at: &TopicPartition) {
        if let Some(stuck) = self.stuck.get_mut(&at.topic)
            && !stuck.remove(at)
        {
            self.stuck.remove(&at.topic);
            self.health.remove_topic(REASON, &at.topic);
        }
    }

    /// How long until a topic that is set aside is tried again.
    pub(super) fn stuck_wait(&self) -> Option<Duration> {
        self.stuck.values().map(StuckTopic::wait).min()
    }

    /// Whether records of this topic are not taken now.
    pub(super) fn is_set_aside(&self, topic: &str) -> bool {
        self.stuck.contains_key(topic)
    }
}
