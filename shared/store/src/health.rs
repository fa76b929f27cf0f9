//! What keeps this process from being well: reasons that `GET /healthz` and the metrics name.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use serde::Serialize;

/// Reasons that are kept at a time; a log line says of each one more.
const REASONS_MAX: usize = 1_000;

/// Why something is not as it should be, although records are still stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HealthReason {
    /// What it is, in one word: the label of its metric.
    pub kind: &'static str,
    /// The topic that it is about, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// The partition, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partition: Option<i32>,
    /// One line: what happens, why, and what to do. Anyone may read it: no values of records, no
    /// secrets.
    pub text: String,
}

/// What a reason is found by: there is one of a kind for each topic and partition.
type Key = (&'static str, Option<String>, Option<i32>);

struct Entry {
    text: String,
    until: Option<Instant>,
}

/// The reasons of this process. Cheap to clone; clones share them.
///
/// ```
/// let health = weir_store::HealthReasons::default();
/// health.add("gap", "orders", 3, "offsets 5 to 9 were never delivered: run `weir reconcile --repair`");
/// health.remove("gap", "orders", 3);
/// ```
#[derive(Clone, Default)]
pub struct HealthReasons(Arc<Mutex<BTreeMap<Key, Entry>>>);

impl HealthReasons {
    /// Names a reason until it is [removed](Self::remove); the text replaces an earlier one. A new
    /// one is logged as an error. One that is about no topic has an empty one.
    pub fn add(
        &self,
        kind: &'static str,
        topic: &str,
        partition: impl Into<Option<i32>>,
        text: impl Into<String>,
    ) {
        self.insert(kind, topic, partition.into(), text.into(), None);
    }

    /// The same for what is over by itself: it is named for so long after the last time that it was
    /// added.
    pub fn add_for(
        &self,
        time: Duration,
        kind: &'static str,
        topic: &str,
        partition: impl Into<Option<i32>>,
        text: impl Into<String>,
    ) {
        self.insert(kind, topic, partition.into(), text.into(), Some(Instant::now() + time));
    }

    /// Forgets a reason, with one log line where there was one.
    pub fn remove(&self, kind: &'static str, topic: &str, partition: impl Into<Option<i32>>) {
        let key = key(kind, topic, partition.into());
        if self.entries().remove(&key).is_some() {
            tracing::info!(kind, topic, partition = key.2, "well again");
        }
    }

    /// Forgets every reason of that kind about a topic, as when another process reads it now.
    pub fn remove_topic(&self, kind: &'static str, topic: &str) {
        self.entries().retain(|(of, about, _), _| *of != kind || about.as_deref() != Some(topic));
    }

    /// What holds now, sorted by kind, topic and partition.
    pub fn list(&self) -> Vec<HealthReason> {
        let mut entries = self.entries();
        let now = Instant::now();
        entries.retain(|_, entry| entry.until.is_none_or(|until| now < until));
        let reason = |((kind, topic, partition), entry): (&Key, &Entry)| HealthReason {
            kind,
            topic: topic.clone(),
            partition: *partition,
            text: entry.text.clone(),
        };
        entries.iter().map(reason).collect()
    }

    fn insert(
        &self,
        kind: &'static str,
        topic: &str,
        partition: Option<i32>,
        text: String,
        until: Option<Instant>,
    ) {
        let key = key(kind, topic, partition);
        let mut entries = self.entries();
        if !entries.contains_key(&key) {
            tracing::error!(metric = "health_reasons", kind, topic, partition, "{text}");
            if entries.len() >= REASONS_MAX {
                return;
            }
        }
        entries.insert(key, Entry { text, until });
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<Key, Entry>> {
        // Reasons stay usable when a thread died while it held them.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(kind: &'static str, topic: &str, partition: Option<i32>) -> Key {
    (kind, (!topic.is_empty()).then(|| topic.to_owned()), partition)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_of_a_kind_for_each_place_and_a_passing_one_passes() {
        let health = HealthReasons::default();
        health.add("gap", "t", 1, "first");
        health.clone().add("gap", "t", 1, "second");
        health.add("batch", "t", None, "fails");
        health.add_for(Duration::ZERO, "refused", "t", 0, "over at once");
        health.add_for(Duration::from_hours(1), "refused", "u", 0, "for an hour");
        let found: Vec<_> = health
            .list()
            .into_iter()
            .map(|r| (r.kind, r.topic.unwrap_or_default(), r.partition, r.text))
            .collect();
        let of = |kind, topic: &str, partition, text: &str| {
            (kind, topic.to_owned(), partition, text.to_owned())
        };
        let wanted = [
            of("batch", "t", None, "fails"),
            of("gap", "t", Some(1), "second"),
            of("refused", "u", Some(0), "for an hour"),
        ];
        assert_eq!(found, wanted);
        health.remove("gap", "t", 1);
        health.remove_topic("batch", "t");
        assert_eq!(health.list().len(), 1);
    }

    #[test]
    fn reasons_without_end_take_no_memory_without_end() {
        let health = HealthReasons::default();
        for partition in 0..2_000 {
            health.add("gap", "t", partition, "one of many");
        }
        assert_eq!(health.list().len(), REASONS_MAX);
    }
}
