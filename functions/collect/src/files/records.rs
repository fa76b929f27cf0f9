//! What a file becomes in its topic: values, and what could not be read, as the bytes that it is
//! and with the reason.

use weir_kafka::OutgoingHeader;
use weir_model::value::ERROR_HEADER;

use super::File;
use crate::{
    intake::{Ended, IntakeRun, Over, Report, Sent, Target},
    splitting::ValuePlace,
};

/// Header with the file's name: the object's key, or the path below the folder.
pub const FILE: &str = "weir_file";
/// Header with the version of the object, where its bucket keeps versions.
pub const VERSION: &str = "weir_file_version";
/// Header with the line in it.
pub const LINE: &str = "weir_file_line";

/// So many values are sent until Kafka's word on them is waited for.
const STEP: u64 = 50_000;
/// What is longer goes in parts of this length: half of what Kafka takes unless it is told
/// otherwise.
const PART_BYTES: usize = 512 * 1024;
/// A part that Kafka finds too large is halved, but no further.
const PART_BYTES_MIN: usize = 1024;

/// Sends what a file becomes, but nothing of the first `done` times.
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

    /// A value; one that is more than Kafka takes goes in parts.
    pub(super) async fn value(&mut self, line: u64, value: &str) -> Result<(), Over> {
        if !self.is_new() {
            return Ok(());
        }
        let sent = self.run.of_file(value, &self.headers(line), self.file.modified_ms).await?;
        if sent == Sent::TooLarge {
            let reason = "it is larger than Kafka takes: raise the topic's max.message.bytes";
            self.run.could_not_read(ValuePlace { line, number: self.seen }, reason);
            let parts = value.as_bytes().chunks(PART_BYTES).zip(1..);
            for (bytes, part) in parts {
                self.part(line, bytes, reason, Some(part)).await?;
            }
        }
        self.sent().await
    }

    /// What could not be read, or a part of it.
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
        // Halves wait at the end, those that come later first.
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

    /// One more; whether it was not sent before.
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

    /// Nothing more of the file can be read now.
    pub(super) fn broken(&mut self, ended: Ended) {
        self.run.broken(ended);
    }

    /// Waits for Kafka's word on everything.
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

/// Something unreadable of any length, which goes in parts; they are cut at the same bytes each
/// time that the file is read.
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

    /// Some more of it.
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

    /// The rest of it. Where nothing is left of a file that was cut, an empty record says so.
    pub(super) async fn end(self, records: &mut Records<'_, '_>) -> Result<(), Over> {
        let part = (self.parts > 0).then_some(self.parts + 1);
        records.unreadable(self.line, &self.bytes, &self.reason, part).await
    }
}
