//! The sums of a comparison, and its JSON.

use std::ops::Range;

use serde_json::{Value, json};
use weir_store::reconcile::Finding;

use super::Compared;

pub(super) fn length(range: &Range<i64>) -> i64 {
    range.end - range.start
}

impl Compared {
    pub(super) fn missing(&self) -> i64 {
        self.findings.iter().flat_map(|finding| &finding.missing).map(length).sum()
    }

    pub(super) fn lost(&self) -> i64 {
        self.findings.iter().flat_map(|finding| &finding.lost).map(length).sum()
    }

    pub(super) fn behind(&self) -> i64 {
        self.findings.iter().map(|finding| length(&finding.behind)).sum()
    }

    /// Returns the comparison as JSON. `first` and `last` of a range are inclusive, as in the lines
    /// for people.
    pub(super) fn as_json(&self, repaired: u64) -> Value {
        let partition = |finding: &Finding| {
            json!({
                "topic": finding.topic, "partition": finding.partition,
                "missing": ranges(&finding.missing), "lost": ranges(&finding.lost),
                "behind": length(&finding.behind), "hidden": length(&finding.hidden),
                "holes": finding.holes,
            })
        };
        let unreadable =
            |(place, reason): &(String, String)| json!({"place": place, "reason": reason});
        json!({
            "repaired": repaired, "missing": self.missing(), "lost": self.lost(),
            "behind": self.behind(),
            "partitions": Value::from_iter(self.findings.iter().map(partition)),
            "absent_topics": self.absent, "contradictions": self.contradictions,
            "unreadable": Value::from_iter(self.unreadable.iter().map(unreadable)),
        })
    }
}

fn ranges(all: &[Range<i64>]) -> Value {
    let range = |range: &Range<i64>| json!({"first": range.start, "last": range.end - 1});
    Value::from_iter(all.iter().map(range))
}
