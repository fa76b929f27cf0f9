//! The output of a comparison: lines, JSON, and the exit code.

use std::ops::Range;

use serde_json::{Value, json};
use weir_archive::LostFile;
use weir_store::reconcile::Finding;

use super::Compared;
use crate::{Exit, output::say};

fn length(range: &Range<i64>) -> i64 {
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
            "partitions": self.findings.iter().map(partition).collect::<Value>(),
            "lost_files": self.lost_files.iter().map(lost_file).collect::<Value>(),
            "absent_topics": self.absent, "contradictions": self.contradictions,
            "unreadable": self.unreadable.iter().map(unreadable).collect::<Value>(),
        })
    }
}

fn lost_file(lost: &LostFile) -> Value {
    let LostFile { file, error } = lost;
    json!({
        "path": file.path, "topic": file.topic, "records": file.records,
        "reason": error.to_string(),
    })
}

fn ranges(all: &[Range<i64>]) -> Value {
    let range = |range: &Range<i64>| json!({"first": range.start, "last": range.end - 1});
    all.iter().map(range).collect::<Value>()
}

/// Prints a line for each difference, and the sums.
pub(super) fn print(compared: &Compared) {
    let Compared { findings, absent, contradictions, lost_files, unreadable } = compared;
    for topic in absent {
        say!("absent   {topic}: the topic does not exist on the broker and cannot be compared");
    }
    for (place, why) in unreadable {
        say!("unread   {place}: {why}");
    }
    for line in contradictions {
        say!("other    {line}");
    }
    for LostFile { file, error } in lost_files {
        say!("lost     {} archived records of {}: {error}", file.records, file.topic);
    }
    for finding in findings {
        let place = finding.place();
        for range in &finding.missing {
            say!(
                "missing  {place} offsets {} to {}: never delivered, the broker still has them",
                range.start,
                range.end - 1
            );
        }
        for range in &finding.lost {
            say!(
                "lost     {place} offsets {} to {}: never delivered, and the broker no longer has \
                    them",
                range.start,
                range.end - 1
            );
        }
        if !finding.behind.is_empty() {
            say!("behind   {place}: {} records are not read yet", length(&finding.behind));
        }
        if !finding.hidden.is_empty() {
            say!(
                "hidden   {place}: {} offsets behind an open transaction, from offset {} on",
                length(&finding.hidden),
                finding.hidden.start
            );
        }
        if finding.holes > 0 {
            say!(
                "holes    {place}: {} offsets without a record (transaction markers, compaction)",
                finding.holes
            );
        }
    }
    say!(
        "{} partitions compared: {} missing, {} lost, {} not yet read",
        findings.len(),
        compared.missing(),
        compared.lost(),
        compared.behind()
    );
}

/// Returns an error when the stored records are not complete and equal.
pub(super) fn result(compared: &Compared) -> Result<(), Exit> {
    if compared.missing() > 0 {
        return Err(Exit::failed(
            "some records are not in the log: run `weir reconcile --repair` to fetch the records \
                that the broker still has",
        ));
    }
    if !compared.contradictions.is_empty() {
        return Err(Exit::failed(
            "some stored records contradict the broker's log: see the lines that begin with other",
        ));
    }
    if !compared.unreadable.is_empty() {
        return Err(Exit::failed(
            "some topics or partitions cannot be read: see the lines that begin with unread",
        ));
    }
    if !compared.lost_files.is_empty() {
        return Err(Exit::failed(
            "some archived files are missing or damaged: bring back the files of the lines that \
                begin with lost",
        ));
    }
    if compared.lost() > 0 {
        Err(Exit::failed("some records are not in the log, and the broker no longer has them"))
    } else {
        Ok(())
    }
}
