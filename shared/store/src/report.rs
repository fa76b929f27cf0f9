//! The report of a batch. The names of the counts are those of Phobos' instrumentation.

use std::{collections::BTreeMap, fmt};

use serde::Serialize;

/// Counts of one batch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The number of records in the batch.
    pub around_consume: usize,
    /// Records whose coordinates were looked up, which are all records.
    pub event_already_exists_check: usize,
    /// Records that ran through their model and plugins.
    pub event_action: usize,
    /// Records stored as events.
    pub event_acknowledged: usize,
    /// Records stored, but skipped by their model.
    pub event_skipped: usize,
    /// Records that were not stored again: settled before, or a repeat of content in a topic with
    /// --dedupe.
    pub event_already_consumed: usize,
    /// Records stored in failures.
    pub event_failed: usize,
    /// Rows that a projection did not store because it had newer ones.
    pub event_stale: usize,
    /// Attempts that failed with a transient error before the successful one.
    pub retries: u32,
    /// The consumer group of the batch; empty for an empty batch.
    pub group_id: String,
    /// The gaps that this batch opened: it begins above the `next_offset` of a partition.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<OpenedGap>,
    /// The reason why the database or a plugin refused more than 100 records of the batch, with
    /// SQLSTATE and constraint.
    ///
    /// The records are all in failures. The cause is the producer, the schema or the program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused_reason: Option<String>,
    /// How far the batch has come, see `KafkaBatch::reached_ms`.
    #[serde(skip)]
    pub reached_ms: Option<i64>,
}

/// The range that a reader has read of a partition. It contains no records except those that the
/// reader passes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadRange {
    /// The name of the topic.
    pub topic: String,
    /// The number of the partition.
    pub partition: i32,
    /// The first offset of the range.
    pub first: i64,
    /// The offset after the last one.
    pub end: i64,
}

/// A range of offsets that was never delivered, although later offsets were.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OpenedGap {
    /// The name of the topic.
    pub topic: String,
    /// The number of the partition.
    pub partition: i32,
    /// The first offset of the range.
    pub first: i64,
    /// The offset after the last one.
    pub end: i64,
}

impl fmt::Display for OpenedGap {
    /// Writes `topic-partition offsets 3 to 6`, as `weir reconcile` does.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{} offsets {} to {}", self.topic, self.partition, self.first, self.end - 1)
    }
}

/// The most refused records of one batch without a `refused_reason`.
pub(crate) const REFUSED_MAX: usize = 100;

/// Returns the text for [`Report::refused_reason`] from the cause of each refusal.
pub(crate) fn refused_reason<'r>(
    refused_by: impl Iterator<Item = Option<&'r str>>,
) -> Option<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for by in refused_by {
        *counts.entry(by.unwrap_or("an unknown cause")).or_default() += 1;
    }
    let all: usize = counts.values().sum();
    let (by, most) =
        counts.into_iter().max_by_key(|(_, count)| *count).filter(|_| all > REFUSED_MAX)?;
    Some(format!(
        "{all} records of one batch were refused, {most} of them by {by}; they are stored in \
            failures: see `weir failures list`"
    ))
}

/// A name and its count.
pub type Count = (&'static str, usize);

impl Report {
    /// Returns the counts with their names, for metrics.
    pub fn counts(&self) -> [Count; 8] {
        [
            ("around_consume", self.around_consume),
            ("event_already_exists_check", self.event_already_exists_check),
            ("event_action", self.event_action),
            ("event_acknowledged", self.event_acknowledged),
            ("event_skipped", self.event_skipped),
            ("event_already_consumed", self.event_already_consumed),
            ("event_failed", self.event_failed),
            ("event_stale", self.event_stale),
        ]
    }
}
