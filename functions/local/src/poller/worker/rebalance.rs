//! Partitions that the group assigns to this worker and revokes from it.

use rdkafka::consumer::Consumer;

use super::{
    super::{assignment::AssignmentChange, offset_lookup},
    Worker,
};
use weir_kafka::TopicPartition;

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

    pub(super) fn assigned(&mut self, partitions: Vec<TopicPartition>) {
        let found = offset_lookup::start_offsets(&self.consumer, &partitions, &self.shared);
        for start in found.into_iter().flatten() {
            // A group that never committed began where this poller first saw the partition.
            let known = self.shared.status().committed.get(&start.at).copied();
            let next = start.committed.or(known).unwrap_or(start.low);
            if let Some(range) = self.tracker.assigned(&start.at, next, start.low) {
                self.shared.lost(&range);
            }
            self.shared.status().committed.insert(start.at, next);
        }
        self.shared.status().partitions_assigned += partitions.len();
        self.assigned.extend(partitions);
        // librdkafka remembers a pause across assignments: a partition that comes back would stay silent.
        self.set_paused(self.paused);
    }

    pub(super) fn revoked(&mut self, partitions: &[TopicPartition]) {
        for at in partitions {
            self.filling.remove(at);
            self.revoked_stuck(at);
            self.tracker.revoked(at);
            self.uncommitted.remove(at);
            self.cuts.retain(|(cut, _)| cut != at);
            if let Some(in_flight) = &mut self.in_flight {
                in_flight.remove(at);
            }
        }
        self.carried.retain(|carried| !partitions.contains(&carried.at));
        let before = self.assigned.len();
        self.assigned.retain(|at| !partitions.contains(at));
        self.shared.status().partitions_assigned -= before - self.assigned.len();
        self.drop_batch_when_done();
    }

    pub(super) fn set_paused(&mut self, paused: bool) {
        // A topic that is set aside stays paused.
        let list = offset_lookup::list(self.assigned.iter().filter(|at| paused || !self.is_set_aside(&at.topic)));
        let done = if paused { self.consumer.pause(&list) } else { self.consumer.resume(&list) };
        if let Err(error) = done {
            tracing::debug!(target: "kafka", "{}: {error}", if paused { "pause" } else { "resume" });
        }
        self.paused = paused;
    }
}
