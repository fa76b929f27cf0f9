//! Sends the values of one body.

use std::{borrow::Cow, sync::Arc};

use metrics::counter;
use serde::de::IgnoredAny;
use tokio::time::{Instant, timeout_at};
use weir_kafka::{Message, OutgoingHeader, Receipt, Refused};
use weir_model::Rows;

use super::{Ended, KafkaWait, Report, Target};
use crate::{
    body::ByteSource,
    splitting::{Found, Framing, Splitter, VALUE_BYTES_MAX, ValuePlace},
};

/// A value of this length may exceed the topic's limit. It is sent alone, so that a refusal
/// concerns only this value.
const ALONE_BYTES: usize = 256 * 1024;

/// Sends values to a topic and counts the results.
pub struct IntakeRun<'t> {
    target: &'t Target,
    receipt: Arc<Receipt>,
    /// The receipt of unreadable records.
    kept: Arc<Receipt>,
    wait: KafkaWait,
    report: Report,
    /// The number of listed refusals that are unreadable records.
    unread: u64,
}

/// The run has ended before its body: nothing more can be sent.
#[derive(Debug)]
pub(crate) struct Over;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sent {
    Yes,
    /// The value is larger than Kafka's limit.
    TooLarge,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Content {
    Value,
    /// An unreadable record. `is_alone` sends it in a batch with no other record.
    Unreadable {
        is_alone: bool,
    },
}

impl<'t> IntakeRun<'t> {
    /// Creates a run that has sent nothing yet.
    pub fn new(target: &'t Target) -> Self {
        Self {
            target,
            receipt: Arc::default(),
            kept: Arc::default(),
            wait: KafkaWait::default(),
            report: Report::new(),
            unread: 0,
        }
    }

    /// Sets the time limits for Kafka.
    #[must_use]
    pub(crate) fn within(self, wait: KafkaWait) -> Self {
        Self { wait, ..self }
    }

    /// Sends every value of the body. It reads no faster than Kafka takes the values, so that
    /// unread bytes wait at the sender (backpressure).
    pub async fn stream(mut self, source: &mut dyn ByteSource, framing: Framing) -> Report {
        // The report has the reason for an early end.
        let _ = self.pieces(source, framing).await;
        self.end().await
    }

    /// Waits until Kafka has acknowledged or refused every value, and returns the report.
    pub async fn end(mut self) -> Report {
        let said_all = self.said_all().await;
        self.report.accepted += self.receipt.acknowledged();
        self.report.kept += self.kept.acknowledged();
        let too_large = self.receipt.too_large() + self.kept.too_large();
        if let Some(fault) = self.fault() {
            self.report.ended = self.kafka(fault);
        } else if !said_all {
            self.report.ended = self.kafka("Kafka did not acknowledge all values in time");
        } else if too_large > 0 {
            self.report.ended = Ended::TooLarge(too_large);
        }
        let refused = self.report.invalid_count - self.unread;
        for (outcome, count) in
            [("accepted", self.report.accepted), ("kept", self.report.kept), ("refused", refused)]
        {
            counter!("weir_collected_total", "topic" => self.target.topic.clone(), "outcome" => outcome).increment(count);
        }
        self.report
    }

    async fn pieces(&mut self, source: &mut dyn ByteSource, framing: Framing) -> Result<(), Over> {
        let mut splitter = Splitter::new(framing);
        loop {
            let piece = match source.next().await {
                Ok(piece) => piece,
                Err(fault) => return self.over(Ended::Body(fault)),
            };
            // A body that is already in memory never awaits anything. Yield, because other requests
            // share the thread.
            tokio::task::yield_now().await;
            let is_end = piece.is_none();
            if let Some(piece) = piece {
                splitter.push(&piece);
            }
            let (buffer, scan) = splitter.parts();
            let mut rows = self.target.rows();
            while let Some(found) = scan.next(buffer) {
                self.found(found, buffer, rows.as_mut(), framing).await?;
            }
            if is_end {
                if let Some(found) = scan.end(buffer) {
                    self.found(found, buffer, rows.as_mut(), framing).await?;
                }
                return Ok(());
            }
        }
    }

    async fn found<'v>(
        &mut self,
        found: Found,
        buffer: &'v [u8],
        rows: &mut (dyn Rows<'v> + 'v),
        framing: Framing,
    ) -> Result<(), Over>
    where
        't: 'v,
    {
        let (range, place) = match found {
            Found::Value(range, place) => (range, place),
            Found::Part(..) => return Ok(()),
            Found::TooLong(_, place) => {
                self.report.refuse(
                    place,
                    None,
                    &format!("the value is longer than {VALUE_BYTES_MAX} bytes"),
                );
                return Ok(());
            }
            Found::Broken { place, reason, .. } => {
                return self.over(Ended::Malformed { place, reason });
            }
        };
        let Ok(value) = std::str::from_utf8(&buffer[range]) else {
            if framing == Framing::Lines {
                self.report.refuse(place, None, "the value is not UTF-8");
                return Ok(());
            }
            return self
                .over(Ended::Malformed { place, reason: "the value is not UTF-8".to_owned() });
        };
        match self.target.check(rows, value, &[]) {
            Ok(key) => self.send_value(place, key.as_deref(), value, &[], None).await,
            // Objects without lines: after invalid JSON the start of the next value is unknown.
            Err(reason) if framing != Framing::Lines && !is_json(value) => {
                self.over(Ended::Malformed { place, reason })
            }
            Err(reason) => {
                self.report.refuse(place, Some(value), &reason);
                Ok(())
            }
        }
    }

    /// Checks one value with headers, and sends it. The report lists a refused value.
    ///
    /// Returns false when nothing more can be sent.
    pub async fn one(
        &mut self,
        place: ValuePlace,
        key: Option<&str>,
        value: &str,
        headers: &[OutgoingHeader<'_>],
    ) -> bool {
        let shown: Vec<weir_model::Header<'_>> = headers
            .iter()
            .map(|(name, value)| weir_model::Header { name, value: value.as_deref() })
            .collect();
        let target = self.target;
        let checked = {
            let mut rows = target.rows();
            target.check(rows.as_mut(), value, &shown).map(|key| key.map(Cow::into_owned))
        };
        match checked {
            Ok(own) => {
                self.send_value(place, key.or(own.as_deref()), value, headers, None).await.is_ok()
            }
            Err(reason) => {
                self.report.refuse(place, Some(value), &reason);
                true
            }
        }
    }

    /// Sends a value that the caller has checked. The report lists a value that is too large for
    /// Kafka.
    ///
    /// Returns false when nothing more can be sent.
    pub async fn checked(&mut self, place: ValuePlace, key: &str, value: &str) -> bool {
        self.send_value(place, Some(key), value, &[], None).await.is_ok()
    }

    /// Adds a value that is refused before the model's check.
    pub fn refuse(&mut self, place: ValuePlace, reason: &str) {
        self.report.refuse(place, None, reason);
    }

    /// Sends a value without refusing it: it is for sources that get no answer. If the model
    /// rejects the value, ingest stores it as a failure.
    ///
    /// Returns false when nothing more can be sent.
    pub async fn as_it_is(&mut self, place: ValuePlace, value: &str) -> bool {
        let key = self.own_key(value);
        self.send_value(place, key.as_deref(), value, &[], None).await.is_ok()
    }

    /// Sends a value of a file, with headers and a timestamp. The caller handles a value that is
    /// too large.
    pub(crate) async fn of_file(
        &mut self,
        value: &str,
        headers: &[OutgoingHeader<'_>],
        timestamp_ms: Option<i64>,
    ) -> Result<Sent, Over> {
        let key = self.own_key(value);
        self.send(key.as_deref(), value.as_bytes(), headers, timestamp_ms, Content::Value).await
    }

    /// Adds an unreadable record to the list.
    pub(crate) fn could_not_read(&mut self, place: ValuePlace, reason: &str) {
        self.unread += 1;
        self.report.refuse(place, None, reason);
    }

    /// Sends an unreadable record as its original bytes. `is_alone` sends it in a batch with no
    /// other record, because it may exceed Kafka's limit.
    pub(crate) async fn unreadable(
        &mut self,
        bytes: &[u8],
        headers: &[OutgoingHeader<'_>],
        timestamp_ms: Option<i64>,
        is_alone: bool,
    ) -> Result<Sent, Over> {
        self.send(None, bytes, headers, timestamp_ms, Content::Unreadable { is_alone }).await
    }

    fn own_key(&self, value: &str) -> Option<String> {
        let target = self.target;
        let mut rows = target.rows();
        target.check(rows.as_mut(), value, &[]).ok().flatten().map(Cow::into_owned)
    }

    /// Waits until Kafka has acknowledged or refused everything so far. Returns false when
    /// something failed.
    pub async fn settled(&self) -> bool {
        self.said_all().await
            && self.fault().is_none()
            && self.receipt.too_large() + self.kept.too_large() == 0
    }

    /// Returns whether Kafka has acknowledged or refused everything in time.
    async fn said_all(&self) -> bool {
        let settled = async {
            self.receipt.settled().await;
            self.kept.settled().await;
        };
        timeout_at(self.wait.deadline(), settled).await.is_ok()
    }

    fn fault(&self) -> Option<String> {
        self.receipt.fault().or(self.kept.fault()).map(str::to_owned)
    }

    async fn send_value(
        &mut self,
        place: ValuePlace,
        key: Option<&str>,
        value: &str,
        headers: &[OutgoingHeader<'_>],
        timestamp_ms: Option<i64>,
    ) -> Result<(), Over> {
        if self.send(key, value.as_bytes(), headers, timestamp_ms, Content::Value).await?
            == Sent::TooLarge
        {
            self.report.refuse(
                place,
                None,
                "the value is larger than Kafka accepts: raise the topic's max.message.bytes",
            );
        }
        Ok(())
    }

    async fn send(
        &mut self,
        key: Option<&str>,
        bytes: &[u8],
        headers: &[OutgoingHeader<'_>],
        timestamp_ms: Option<i64>,
        content: Content,
    ) -> Result<Sent, Over> {
        let key = key.map(str::as_bytes);
        let message = Message {
            topic: &self.target.topic,
            partition: None,
            key,
            value: Some(bytes),
            headers,
            timestamp_ms,
        };
        let is_alone =
            bytes.len() >= ALONE_BYTES || content == Content::Unreadable { is_alone: true };
        let receipt = match content {
            _ if is_alone => Arc::default(),
            Content::Value => Arc::clone(&self.receipt),
            Content::Unreadable { .. } => Arc::clone(&self.kept),
        };
        let producer = &self.target.intake.producer;
        let deadline = self.wait.deadline();
        loop {
            if self.receipt.fault().is_some() || self.kept.fault().is_some() {
                return Err(Over);
            }
            match producer.send(&message, &receipt) {
                Ok(()) => break,
                Err(Refused::Full) => {
                    let room = timeout_at(deadline, producer.room(&message)).await;
                    if room.is_err() || Instant::now() >= deadline {
                        return self
                            .over(self.kafka("the producer's queue stayed full for too long"));
                    }
                }
                Err(Refused::TooLarge) => return Ok(Sent::TooLarge),
                Err(Refused::Failed(reason)) => return self.over(self.kafka(reason)),
            }
        }
        if !is_alone {
            return Ok(Sent::Yes);
        }
        let said = timeout_at(self.wait.deadline(), receipt.settled()).await;
        let count = if content == Content::Value {
            &mut self.report.accepted
        } else {
            &mut self.report.kept
        };
        *count += receipt.acknowledged();
        if receipt.too_large() > 0 {
            return Ok(Sent::TooLarge);
        }
        match receipt.fault() {
            Some(fault) => self.over(self.kafka(fault)),
            None if said.is_err() => {
                self.over(self.kafka("Kafka did not acknowledge a value in time"))
            }
            None => Ok(Sent::Yes),
        }
    }

    /// Notes that the rest of the body cannot be read.
    pub(crate) fn broken(&mut self, ended: Ended) {
        self.report.ended = ended;
    }

    /// Returns the end because of Kafka.
    fn kafka(&self, reason: impl Into<String>) -> Ended {
        let brokers = self.target.intake.producer.brokers().to_owned();
        Ended::Kafka { brokers, reason: reason.into() }
    }

    fn over<T>(&mut self, ended: Ended) -> Result<T, Over> {
        self.report.ended = ended;
        Err(Over)
    }
}

fn is_json(value: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(value).is_ok()
}
