//! What became of a batch, under the names that Phobos gave to its instrumentation (contract:
//! events).

use std::{collections::BTreeMap, fmt};

use serde::Serialize;

/// Counts of one batch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Records in the batch.
    pub around_consume: usize,
    /// Records whose place was looked up: all of them.
    pub event_already_exists_check: usize,
    /// Records that ran through their model and plugins.
    pub event_action: usize,
    /// Stored as events.
    pub event_acknowledged: usize,
    /// Stored, but no event for their model.
    pub event_skipped: usize,
    /// Not stored again: settled before, or a repeat of content in a topic with --dedupe.
    pub event_already_consumed: usize,
    /// Put into failures.
    pub event_failed: usize,
    /// Rows that a projection did not take because it had newer ones.
    pub event_stale: usize,
    /// Attempts that failed for a passing reason before the one that went through.
    pub retries: u32,
    /// The consumer group that the batch was stored for; empty for an empty batch.
    pub group_id: String,
    /// What was passed over: the batch begins behind what its partition wanted next.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<OpenedGap>,
    /// Why the database or a plugin refused more than 100 records of the batch, with SQLSTATE and
    /// constraint: they are all in failures, and something is wrong with the producer, the schema
    /// or the program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused_reason: Option<String>,
}

/// What a reader has read of a partition: there is no record in it but those that it gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadRange {
    /// Topic.
    pub topic: String,
    /// Partition.
    pub partition: i32,
    /// The first offset.
    pub first: i64,
    /// The offset behind the last one.
    pub end: i64,
}

/// A range of offsets that was never delivered, though what comes after it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OpenedGap {
    /// Topic.
    pub topic: String,
    /// Partition.
    pub partition: i32,
    /// The first offset.
    pub first: i64,
    /// The offset behind the last one.
    pub end: i64,
}

impl fmt::Display for OpenedGap {
    /// `topic-partition offsets 3 to 6`, as `weir reconcile` says it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{} offsets {} to {}", self.topic, self.partition, self.first, self.end - 1)
    }
}

/// Refused records of one batch that need no reason beside their own.
pub(crate) const REFUSED_MAX: usize = 100;

/// The reason for [`Report::refused_reason`], of who refused each record.
pub(crate) fn refused_reason<'r>(
    refused_by: impl Iterator<Item = Option<&'r str>>,
) -> Option<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for by in refused_by {
        *counts.entry(by.unwrap_or("a fault without a name")).or_default() += 1;
    }
    let all: usize = counts.values().sum();
    let (by, most) =
        counts.into_iter().max_by_key(|(_, count)| *count).filter(|_| all > REFUSED_MAX)?;
    Some(format!(
        "{all} records of one batch were refused, {most} of them by {by}: they are in failures"
    ))
}

/// A count and its name.
pub type Count = (&'static str, usize);

impl Report {
    /// The counts with their names, for metrics.
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
