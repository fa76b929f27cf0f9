//! Following the group: partitions that come and go.

use rdkafka::consumer::Consumer;
use weir_kafka::TopicPartition;

use super::{
    super::{assignment::Change, lookup},
    Lane,
};

impl Lane {
    /// Follows what the group decided; before any record of a new partition is read.
    pub(super) fn take_changes(&mut self) {
        for change in self.consumer.context().take_changes() {
            match change {
                Change::Assigned(partitions) => self.assigned(partitions),
                Change::Revoked(partitions) => self.revoked(&partitions),
            }
        }
    }

    pub(super) fn assigned(&mut self, partitions: Vec<TopicPartition>) {
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

    pub(super) fn revoked(&mut self, partitions: &[TopicPartition]) {
        for at in partitions {
            self.filling.remove(at);
            self.tracker.revoked(at);
            self.uncommitted.remove(at);
            self.cuts.retain(|(cut, _)| cut != at);
            if let Some(hand) = &mut self.hand {
                hand.remove(at);
            }
        }
        self.carried.retain(|carried| !partitions.contains(&carried.at));
        let before = self.assigned.len();
        self.assigned.retain(|at| !partitions.contains(at));
        self.shared.status().partitions_assigned -= before - self.assigned.len();
        self.drop_hand_when_done();
    }

    pub(super) fn pause(&mut self) {
        let list = lookup::list(self.assigned.iter());
        if let Err(error) = self.consumer.pause(&list) {
            tracing::debug!(target: "kafka", "pause: {error}");
        }
        self.paused = true;
    }

    pub(super) fn resume(&mut self) {
        let list = lookup::list(self.assigned.iter());
        if let Err(error) = self.consumer.resume(&list) {
            tracing::debug!(target: "kafka", "resume: {error}");
        }
        self.paused = false;
    }
}
