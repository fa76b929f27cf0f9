//! Partitions that the group assigns to this worker and revokes from it.

use std::{collections::BTreeMap, time::Duration};

use rdkafka::{Offset, consumer::Consumer, topic_partition_list::TopicPartitionListElem};

use super::{
    super::{
        assignment::AssignmentChange,
        offset_lookup::{self, StartOffsets},
        stuck_topic::Trouble,
    },
    Worker,
};
use weir_kafka::TopicPartition;
use weir_store::positions::StoredPosition;

impl Worker {
    /// Applies the assignment changes, before any record of a new partition is read.
    pub(super) fn take_changes(&mut self) {
        for change in self.consumer.context().take_changes() {
            match change {
                AssignmentChange::Assigned(partitions) => self.assigned(partitions),
                AssignmentChange::Revoked(partitions) => self.revoked(&partitions),
            }
        }
    }

    /// Joins the group again, if the topic watch asks for it.
    pub(super) fn join_again(&mut self) {
        let joins = self.shared.joins();
        if joins == self.joins || self.shared.is_stopping() {
            return;
        }
        self.joins = joins;
        // A new subscription makes librdkafka join the group, also with the same topics.
        let joined = self.consumer.subscription().and_then(|topics| {
            let topics = topics.elements();
            let names: Vec<&str> = topics.iter().map(TopicPartitionListElem::topic).collect();
            self.consumer.subscribe(&names)
        });
        if let Err(error) = joined {
            tracing::warn!("Kafka: cannot join the group again: {error}; restart weir");
        }
    }

    /// Adds new partitions. They are paused, and are read when their start offsets are known.
    pub(super) fn assigned(&mut self, partitions: Vec<TopicPartition>) {
        self.shared.status().partitions_assigned += partitions.len();
        self.shared.assigned(&partitions);
        self.starting.add(partitions);
    }

    /// Asks for the start offsets of waiting partitions, and starts the partitions with an answer.
    pub(super) fn start_waiting(&mut self) {
        if let Some(found) = self.starting.answered() {
            let (sound, contradictory): (Vec<_>, Vec<_>) =
                found.into_iter().partition(|(_, (_, why))| why.is_none());
            for (start, (_, why)) in &contradictory {
                // The whole topic is set aside, because a reset concerns the whole topic.
                if self.starting.waiting().contains(&start.at) {
                    self.set_aside(
                        &start.at.topic,
                        Trouble::Contradiction,
                        why.as_deref().unwrap_or_default(),
                        Duration::ZERO,
                    );
                }
            }
            let sound = sound.into_iter().map(|(start, (position, _))| (start, position));
            let sound: Vec<_> =
                sound.filter(|(start, _)| self.starting.waiting().contains(&start.at)).collect();
            self.start(&sound);
            return;
        }
        let due = self.starting.due();
        if due.is_empty() {
            return;
        }
        match offset_lookup::start_offsets(&self.consumer, &due) {
            Ok((starts, failed)) => {
                for (at, error) in failed {
                    self.starting.try_alone(&at, &error);
                }
                self.starting.ask(starts);
            }
            Err(error) => self.starting.try_later(&error),
        }
    }

    /// Starts partitions at the group's offset, or at a lower offset if the database lacks records.
    fn start(&mut self, found: &[(StartOffsets, StoredPosition)]) {
        let next = |(start, stored): &(StartOffsets, StoredPosition)| {
            (start.at.clone(), self.starting.group_start(start).min(stored.wanted()).max(start.low))
        };
        // Each partition is moved. A partition that starts again has a higher position, and the
        // worker has dropped the records up to it.
        let mut moved: BTreeMap<_, _> = found.iter().map(next).collect();
        match offset_lookup::seek(&self.consumer, &moved) {
            // librdkafka does not move a partition before it has begun to fetch it. The others
            // start without it.
            Ok(failed) => {
                for (at, error) in failed {
                    tracing::debug!(target: "kafka", "seek: {at}: {error}");
                    moved.remove(&at);
                    self.starting.not_moved(&at, &error);
                }
            }
            Err(error) => {
                self.starting.try_later(&error);
                return;
            }
        }
        let positions = self.consumer.position().unwrap_or_default();
        for (start, stored) in found {
            let Some(next) = moved.get(&start.at).copied() else { continue };
            if let Some(Offset::Offset(old)) = positions
                .find_partition(&start.at.topic, start.at.partition)
                .map(|element| element.offset())
                && old > next
            {
                self.old_positions.insert(start.at.clone(), old);
            }
            if let Some(range) = self.tracker.assigned(&start.at, stored.wanted(), next, start.low)
            {
                self.shared.lost(&range);
            }
            if let Some(committed) = start.committed.filter(|committed| next < *committed) {
                let (topic, partition) = (&start.at.topic, start.at.partition);
                tracing::warn!(
                    "{topic}-{partition} is read from offset {next} again: the database lacks \
                        records before offset {committed}, which the group has committed"
                );
            }
            self.shared.status().committed.insert(start.at.clone(), next);
        }
        let started: Vec<_> = moved.into_keys().collect();
        self.starting.remove(&started);
        self.assigned.extend(started.iter().cloned());
        for at in &started {
            self.first_jumps.started(at);
        }
        self.note_sound(&started);
        // librdkafka keeps a pause across assignments. Without this, a partition that is assigned
        // again would give no record.
        self.set_paused(self.paused);
    }

    /// Checks, while no record comes, that the database still has the records that were read.
    pub(super) fn check_stored(&mut self) {
        let is_idle = self.in_flight.is_none()
            && self.filling.is_empty()
            && self.carried.is_empty()
            && self.uncommitted.is_empty();
        let lacking = self.starting.lacking();
        if !is_idle || self.shared.is_stopping() {
            return;
        }
        // A partition that was read since the question was asked needs a new question.
        let lacking = lacking
            .into_iter()
            .filter(|(at, read)| self.tracker.next(at) == Some(*read))
            .map(|(at, _)| at);
        let lacking: Vec<_> = lacking.filter(|at| self.assigned.contains(at)).collect();
        if !lacking.is_empty() {
            self.restart(lacking);
        } else if self.starting.check_is_due() {
            let read: Vec<_> = self
                .assigned
                .iter()
                .filter_map(|at| Some((at.clone(), self.tracker.next(at)?)))
                .collect();
            if !read.is_empty() {
                self.starting.check(read);
            }
        }
    }

    /// Reads these partitions again from the stored position.
    pub(super) fn restart(&mut self, partitions: Vec<TopicPartition>) {
        if let Err(error) = self.consumer.pause(&offset_lookup::list(partitions.iter())) {
            tracing::debug!(target: "kafka", "pause: {error}");
        }
        self.forget(&partitions);
        self.starting.add(partitions);
    }

    /// Starts each partition again whose first record after the start came after a jump.
    pub(super) fn start_doubtful(&mut self) {
        let doubtful = self.first_jumps.take_doubtful();
        if !doubtful.is_empty() {
            self.restart(doubtful.clone());
            self.first_jumps.start_again(doubtful);
        }
    }

    pub(super) fn revoked(&mut self, partitions: &[TopicPartition]) {
        let before = self.held_partitions();
        self.forget(partitions);
        self.starting.remove(partitions);
        self.revoked_stuck(partitions);
        self.shared.forget_hidden(partitions);
        self.shared.revoked(partitions);
        self.shared.status().partitions_assigned -= before - self.held_partitions();
        self.drop_batch_when_done();
    }

    /// Drops the records of partitions that were read and are not handled yet.
    pub(super) fn forget(&mut self, partitions: &[TopicPartition]) {
        for at in partitions {
            self.filling.remove(at);
            self.tracker.revoked(at);
            self.first_jumps.remove(at);
            self.old_positions.remove(at);
            self.uncommitted.remove(at);
            self.cuts.retain(|(cut, _)| cut != at);
            if let Some(in_flight) = &mut self.in_flight {
                in_flight.remove(at);
            }
        }
        self.carried.retain(|carried| !partitions.contains(&carried.at));
        self.assigned.retain(|at| !partitions.contains(at));
    }

    pub(super) fn set_paused(&mut self, paused: bool) {
        let list = offset_lookup::list(self.assigned.iter());
        let done = if paused { self.consumer.pause(&list) } else { self.consumer.resume(&list) };
        if let Err(error) = done {
            tracing::debug!(target: "kafka", "{}: {error}", if paused { "pause" } else { "resume" });
        }
        self.paused = paused;
    }
}
