//! The problems of this process, which `GET /healthz` and the metrics report.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use serde::Serialize;

use crate::HealthKind;

/// The most reasons at a time. Further ones are only logged.
const REASONS_MAX: usize = 1_000;

/// A problem that does not stop the storing of records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HealthReason {
    /// The kind of the problem.
    pub kind: HealthKind,
    /// The topic, if the problem concerns one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// The partition, if the problem concerns one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partition: Option<i32>,
    /// One line with the problem, its cause and its remedy. The text is public, so it contains no
    /// values of records and no secrets.
    pub text: String,
}

/// The key of a reason. There is one reason of a kind for each topic and partition.
type Key = (HealthKind, Option<String>, Option<i32>);

struct Entry {
    text: String,
    until: Option<Instant>,
}

/// The reasons of this process. Cheap to clone; clones share them.
///
/// ```
/// use weir_store::{HealthKind, HealthReasons};
///
/// let health = HealthReasons::default();
/// health.add(HealthKind::Gap, "orders", 3, "offsets 5 to 9 were never delivered");
/// health.remove(HealthKind::Gap, "orders", 3);
/// ```
#[derive(Clone, Default)]
pub struct HealthReasons(Arc<Mutex<BTreeMap<Key, Entry>>>);

impl HealthReasons {
    /// Adds a reason until it is [removed](Self::remove).
    ///
    /// The text replaces an earlier one. A new reason is logged as an error. The topic is empty if
    /// the reason concerns no topic.
    pub fn add(
        &self,
        kind: HealthKind,
        topic: &str,
        partition: impl Into<Option<i32>>,
        text: impl Into<String>,
    ) {
        self.insert(kind, topic, partition.into(), text.into(), None);
    }

    /// Adds a reason that expires `time` after it was last added.
    pub fn add_for(
        &self,
        time: Duration,
        kind: HealthKind,
        topic: &str,
        partition: impl Into<Option<i32>>,
        text: impl Into<String>,
    ) {
        self.insert(kind, topic, partition.into(), text.into(), Some(Instant::now() + time));
    }

    /// Removes a reason, and logs one line if the reason existed.
    pub fn remove(&self, kind: HealthKind, topic: &str, partition: impl Into<Option<i32>>) {
        let key = key(kind, topic, partition.into());
        if self.entries().remove(&key).is_some() {
            tracing::info!(
                kind = kind.name(),
                topic,
                partition = key.2,
                "the reason no longer applies"
            );
        }
    }

    /// Removes every reason of that kind about a topic, for example when another process reads the
    /// topic now.
    pub fn remove_topic(&self, kind: HealthKind, topic: &str) {
        self.entries().retain(|(of, about, _), _| *of != kind || about.as_deref() != Some(topic));
    }

    /// Returns the current reasons, sorted by kind, topic and partition.
    pub fn list(&self) -> Vec<HealthReason> {
        let mut entries = self.entries();
        let now = Instant::now();
        entries.retain(|_, entry| entry.until.is_none_or(|until| now < until));
        let reason = |((kind, topic, partition), entry): (&Key, &Entry)| HealthReason {
            kind: *kind,
            topic: topic.clone(),
            partition: *partition,
            text: entry.text.clone(),
        };
        entries.iter().map(reason).collect()
    }

    fn insert(
        &self,
        kind: HealthKind,
        topic: &str,
        partition: Option<i32>,
        text: String,
        until: Option<Instant>,
    ) {
        let key = key(kind, topic, partition);
        let mut entries = self.entries();
        if !entries.contains_key(&key) {
            tracing::error!(
                metric = "health_reasons",
                kind = kind.name(),
                topic,
                partition,
                "{text}"
            );
            if entries.len() >= REASONS_MAX {
                return;
            }
        }
        entries.insert(key, Entry { text, until });
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<Key, Entry>> {
        // The map stays usable when a thread has panicked with the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(kind: HealthKind, topic: &str, partition: Option<i32>) -> Key {
    (kind, (!topic.is_empty()).then(|| topic.to_owned()), partition)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_of_a_kind_for_each_place_and_a_passing_one_passes() {
        let health = HealthReasons::default();
        health.add(HealthKind::Gap, "t", 1, "first");
        health.clone().add(HealthKind::Gap, "t", 1, "second");
        health.add(HealthKind::Batch, "t", None, "fails");
        health.add_for(Duration::ZERO, HealthKind::Refused, "t", 0, "over at once");
        health.add_for(Duration::from_hours(1), HealthKind::Refused, "u", 0, "for an hour");
        let found: Vec<_> = health
            .list()
            .into_iter()
            .map(|r| (r.kind, r.topic.unwrap_or_default(), r.partition, r.text))
            .collect();
        let of = |kind, topic: &str, partition, text: &str| {
            (kind, topic.to_owned(), partition, text.to_owned())
        };
        let wanted = [
            of(HealthKind::Batch, "t", None, "fails"),
            of(HealthKind::Gap, "t", Some(1), "second"),
            of(HealthKind::Refused, "u", Some(0), "for an hour"),
        ];
        assert_eq!(found, wanted);
        health.remove(HealthKind::Gap, "t", 1);
        health.remove_topic(HealthKind::Batch, "t");
        assert_eq!(health.list().len(), 1);
    }

    #[test]
    fn reasons_without_end_take_no_memory_without_end() {
        let health = HealthReasons::default();
        for partition in 0..2_000 {
            health.add(HealthKind::Gap, "t", partition, "one of many");
        }
        assert_eq!(health.list().len(), REASONS_MAX);
    }
}
