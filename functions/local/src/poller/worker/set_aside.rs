//! Sets topics aside that fail alone, and retries them from their stored positions.

use std::{fmt::Display, sync::Arc, time::Duration};

use rdkafka::consumer::Consumer;
use weir_kafka::TopicPartition;

use super::{
    super::{
        offset_lookup,
        stuck_topic::{StuckTopic, Trouble},
    },
    Worker,
};

impl Worker {
    /// Sets a topic aside: pauses its partitions, and drops the records that were read of them.
    /// After a delay the topic is read again from the database's position.
    pub(super) fn set_aside(
        &mut self,
        topic: &Arc<str>,
        trouble: Trouble,
        why: impl Display,
        took: Duration,
    ) {
        let is_of_topic = |at: &&TopicPartition| at.topic == *topic;
        let waiting = self.starting.waiting().iter().filter(is_of_topic);
        let partitions: Vec<_> =
            self.assigned.iter().filter(is_of_topic).chain(waiting).cloned().collect();
        if let Err(error) = self.consumer.pause(&offset_lookup::list(partitions.iter())) {
            tracing::debug!(target: "kafka", "pause: {error}");
        }
        self.forget(&partitions);
        self.starting.remove(&partitions);
        let earlier = self.stuck.remove(topic);
        if let Some(other) =
            earlier.as_ref().map(|earlier| earlier.trouble).filter(|other| *other != trouble)
        {
            self.limits.health.remove_topic(other.kind(), topic);
        }
        let stuck = StuckTopic::again(earlier, trouble, partitions, took);
        tracing::warn!(
            "topic {topic} is set aside and retried in {} ms: {why}",
            stuck.wait().as_millis()
        );
        self.limits.health.add(
            trouble.kind(),
            topic,
            None,
            format!("topic {topic} is set aside and retried with growing delays: {why}"),
        );
        self.stuck.insert(Arc::clone(topic), stuck);
    }

    /// Starts the retry of topics whose delay has passed.
    pub(super) fn try_stuck(&mut self) {
        let due: Vec<_> = self.stuck.values_mut().flat_map(StuckTopic::take_due).collect();
        if !due.is_empty() {
            self.starting.add(due);
        }
    }

    /// Ends the setting aside of a topic.
    pub(super) fn is_well(&mut self, topic: &Arc<str>) {
        if let Some(stuck) = self.stuck.remove(topic) {
            self.limits.health.remove(stuck.trouble.kind(), topic, None);
            // The remaining paused partitions were set aside because of another partition.
            self.starting.add(stuck.resting().to_vec());
        }
    }

    /// Notes partitions that are read again. A contradiction is then over, for example after a
    /// reset.
    pub(super) fn note_sound(&mut self, started: &[TopicPartition]) {
        for at in started {
            if self.stuck.get(&at.topic).is_some_and(|stuck| {
                stuck.trouble == Trouble::Contradiction && stuck.resting().is_empty()
            }) {
                self.is_well(&at.topic);
            }
        }
    }

    /// Restarts the partitions of topics that the topic watch found changed.
    pub(super) fn restart_changed(&mut self) {
        let changed = self.shared.changed_since(&mut self.changes_seen);
        let places: Vec<_> =
            self.assigned.iter().filter(|at| changed.contains(&at.topic)).cloned().collect();
        if !places.is_empty() {
            self.restart(places);
        }
    }

    /// Returns the topics that are being retried. Their records go in separate batches.
    pub(super) fn topics_on_trial(&self) -> impl Iterator<Item = &Arc<str>> {
        self.stuck.iter().filter(|(_, stuck)| stuck.resting().is_empty()).map(|(topic, _)| topic)
    }

    /// Removes partitions that were revoked, and topics without a partition.
    pub(super) fn revoked_stuck(&mut self, partitions: &[TopicPartition]) {
        for stuck in self.stuck.values_mut() {
            stuck.remove(partitions);
        }
        let (assigned, waiting, health) =
            (&self.assigned, self.starting.waiting(), &self.limits.health);
        self.stuck.retain(|topic, stuck| {
            let is_ours = !stuck.resting().is_empty()
                || assigned.iter().chain(waiting).any(|at| at.topic == *topic);
            if !is_ours {
                health.remove_topic(stuck.trouble.kind(), topic);
            }
            is_ours
        });
    }

    /// Returns the number of assigned partitions, read or not.
    pub(super) fn held_partitions(&self) -> usize {
        let resting: usize = self.stuck.values().map(|stuck| stuck.resting().len()).sum();
        self.assigned.len() + self.starting.waiting().len() + resting
    }
}
