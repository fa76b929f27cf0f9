//! Sends the records of a file: its values, and its unreadable parts as their original bytes with
//! the reason.

use weir_kafka::OutgoingHeader;
use weir_model::value::ERROR_HEADER;

use super::File;
use crate::{
    intake::{Ended, IntakeRun, Over, Report, Sent, Target},
    splitting::ValuePlace,
};

/// The header with the file's name: the object's key, or the path below the folder.
pub const FILE: &str = "weir_file";
/// The header with the object's version, in a bucket that keeps versions.
pub const VERSION: &str = "weir_file_version";
/// The header with the line of the file.
pub const LINE: &str = "weir_file_line";

/// The number of values that are sent before the acknowledgements are awaited.
const STEP: u64 = 50_000;
/// A longer unreadable record is sent in parts of this length. It is half of the default limit of
/// Kafka.
const PART_BYTES: usize = 512 * 1024;
/// A part that Kafka refuses as too large is halved, but not below this length.
const PART_BYTES_MIN: usize = 1024;

/// Sends the records of a file, except the first `done` ones.
pub(super) struct Records<'r, 't> {
    run: IntakeRun<'t>,
    file: &'r File,
    seen: u64,
    done: u64,
    step: &'r mut (dyn FnMut(u64) + Send),
}

impl<'r, 't> Records<'r, 't> {
    pub(super) fn new(
        target: &'t Target,
        file: &'r File,
        done: u64,
        step: &'r mut (dyn FnMut(u64) + Send),
    ) -> Self {
        Self { run: IntakeRun::new(target), file, seen: 0, done, step }
    }

    /// Sends a value. A value that is too large for Kafka is sent in parts, as unreadable.
    pub(super) async fn value(&mut self, line: u64, value: &str) -> Result<(), Over> {
        if !self.is_new() {
            return Ok(());
        }
        let sent = self.run.of_file(value, &self.headers(line), self.file.modified_ms).await?;
        if sent == Sent::TooLarge {
            let reason = "the value is larger than Kafka accepts: raise the topic's \
                max.message.bytes";
            self.run.could_not_read(ValuePlace { line, number: self.seen }, reason);
            let parts = value.as_bytes().chunks(PART_BYTES).zip(1..);
            for (bytes, part) in parts {
                self.part(line, bytes, reason, Some(part)).await?;
            }
        }
        self.sent().await
    }

    /// Sends an unreadable record, or one part of it.
    async fn unreadable(
        &mut self,
        line: u64,
        bytes: &[u8],
        reason: &str,
        part: Option<u64>,
    ) -> Result<(), Over> {
        let is_new = self.is_new();
        if part.is_none_or(|part| part == 1) {
            self.run.could_not_read(ValuePlace { line, number: self.seen }, reason);
        }
        if !is_new {
            return Ok(());
        }
        self.part(line, bytes, reason, part).await?;
        self.sent().await
    }

    async fn part(
        &mut self,
        line: u64,
        bytes: &[u8],
        reason: &str,
        part: Option<u64>,
    ) -> Result<(), Over> {
        let part = part.map(|part| format!(", part {part}")).unwrap_or_default();
        let error = format!("{}:{line}: {reason}{part}", self.file.name);
        // The stack of parts: the part that comes first in the file is on top.
        let (mut left, mut is_halved) = (vec![bytes], false);
        while let Some(bytes) = left.pop() {
            let mut headers = self.headers(line);
            headers.push((ERROR_HEADER.into(), Some(error.as_bytes().into())));
            if self.run.unreadable(bytes, &headers, self.file.modified_ms, is_halved).await?
                == Sent::Yes
            {
                continue;
            }
            if bytes.len() < PART_BYTES_MIN {
                self.run.broken(Ended::TooLarge(1));
                return Err(Over);
            }
            let (first, second) = bytes.split_at(bytes.len() / 2);
            left.extend([second, first]);
            is_halved = true;
        }
        Ok(())
    }

    /// Counts one more record. Returns whether it was not sent in an earlier run.
    fn is_new(&mut self) -> bool {
        self.seen += 1;
        self.seen > self.done
    }

    async fn sent(&mut self) -> Result<(), Over> {
        if !self.seen.is_multiple_of(STEP) {
            return Ok(());
        }
        if !self.run.settled().await {
            return Err(Over);
        }
        (self.step)(self.seen);
        Ok(())
    }

    /// Notes that the rest of the file cannot be read now.
    pub(super) fn broken(&mut self, ended: Ended) {
        self.run.broken(ended);
    }

    /// Waits until Kafka has acknowledged or refused every record.
    pub(super) async fn end(self) -> Report {
        let report = self.run.end().await;
        if matches!(report.ended, Ended::Whole) {
            (self.step)(self.seen);
        }
        report
    }

    fn headers(&self, line: u64) -> Vec<OutgoingHeader<'r>> {
        let mut headers: Vec<OutgoingHeader<'r>> =
            vec![(FILE.into(), Some(self.file.name.as_bytes().into()))];
        headers.extend(
            self.file
                .version
                .as_ref()
                .map(|version| (VERSION.into(), Some(version.as_bytes().into()))),
        );
        headers.push((LINE.into(), Some(line.to_string().into_bytes().into())));
        headers
    }
}

/// An unreadable part of a file, of any length. It is sent in parts. Every read of the file cuts
/// them at the same bytes.
pub(super) struct Unreadable {
    line: u64,
    reason: String,
    bytes: Vec<u8>,
    parts: u64,
}

impl Unreadable {
    pub(super) fn new(line: u64, reason: String) -> Self {
        Self { line, reason, bytes: Vec::new(), parts: 0 }
    }

    /// Adds bytes.
    pub(super) async fn push(
        &mut self,
        records: &mut Records<'_, '_>,
        mut bytes: &[u8],
    ) -> Result<(), Over> {
        while !bytes.is_empty() {
            if self.bytes.len() == PART_BYTES {
                self.parts += 1;
                records.unreadable(self.line, &self.bytes, &self.reason, Some(self.parts)).await?;
                self.bytes.clear();
            }
            let (now, later) = bytes.split_at(bytes.len().min(PART_BYTES - self.bytes.len()));
            self.bytes.extend_from_slice(now);
            bytes = later;
        }
        Ok(())
    }

    /// Sends the remaining bytes. If no bytes are left of a file that was cut, it sends an empty
    /// record with the reason.
    pub(super) async fn end(self, records: &mut Records<'_, '_>) -> Result<(), Over> {
        let part = (self.parts > 0).then_some(self.parts + 1);
        records.unreadable(self.line, &self.bytes, &self.reason, part).await
    }
}
