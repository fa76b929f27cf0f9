//! One body on its way.

use std::{borrow::Cow, sync::Arc, time::Duration};

use metrics::counter;
use serde::de::IgnoredAny;
use tokio::time::timeout;
use weir_kafka::{Message, OutgoingHeader, Receipt, Refused};
use weir_model::Rows;

use super::{Ended, Report, Target};
use crate::{
    body::ByteSource,
    splitting::{Found, Framing, Splitter, VALUE_BYTES_MAX, ValuePlace},
};

/// How long Kafka, or who reads it, may take to make room: a little longer than a record's own time, which tells more.
const ROOM_LIMIT: Duration = Duration::from_secs(35);
/// A value of this length may be more than a topic takes: it is sent alone, so that it is known which one was refused.
const ALONE_BYTES: usize = 256 * 1024;

/// Sends values to a topic, and knows what became of them.
pub struct IntakeRun<'t> {
    target: &'t Target,
    receipt: Arc<Receipt>,
    report: Report,
}

/// The run is over before its body.
struct Over;

impl<'t> IntakeRun<'t> {
    /// Nothing was sent yet.
    pub fn new(target: &'t Target) -> Self {
        Self { target, receipt: Arc::default(), report: Report::new() }
    }

    /// Sends every value of the body. Reads no faster than Kafka takes: what is not read yet waits at the sender's.
    pub async fn stream(mut self, source: &mut dyn ByteSource, framing: Framing) -> Report {
        if let Err(Over) = self.pieces(source, framing).await
            && let Some(fault) = self.receipt.fault()
        {
            self.report.ended = Ended::Kafka(fault.to_owned());
        }
        self.end().await
    }

    /// Waits for Kafka's word on everything that was sent.
    pub async fn end(mut self) -> Report {
        self.receipt.settled().await;
        self.report.accepted += self.receipt.acknowledged();
        if let Some(fault) = self.receipt.fault() {
            self.report.ended = Ended::Kafka(fault.to_owned());
        }
        for (outcome, count) in [("accepted", self.report.accepted), ("refused", self.report.invalid_count)] {
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
            // A body that is here already, or unfolds from little, never waits for anything, and others share the thread.
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

    async fn found<'v>(&mut self, found: Found, buffer: &'v [u8], rows: &mut (dyn Rows<'v> + 'v), framing: Framing) -> Result<(), Over>
    where
        't: 'v,
    {
        let (range, place) = match found {
            Found::Value(range, place) => (range, place),
            Found::TooLong(place) => {
                self.report.refuse(place, None, &format!("it is longer than {VALUE_BYTES_MAX} bytes"));
                return Ok(());
            }
            Found::Broken(place, reason) => return self.over(Ended::Malformed { place, reason }),
        };
        let Ok(value) = std::str::from_utf8(&buffer[range]) else {
            if framing == Framing::Lines {
                self.report.refuse(place, None, "it is not UTF-8");
                return Ok(());
            }
            return self.over(Ended::Malformed { place, reason: "it is not UTF-8".to_owned() });
        };
        match self.target.check(rows, value, &[]) {
            Ok(key) => self.send(place, key.as_deref(), value, &[], None).await,
            // Among objects without lines nobody knows where the next one begins.
            Err(reason) if framing != Framing::Lines && !is_json(value) => self.over(Ended::Malformed { place, reason }),
            Err(reason) => {
                self.report.refuse(place, Some(value), &reason);
                Ok(())
            }
        }
    }

    /// Checks one value that has headers, and sends it; what is refused is in the report.
    pub async fn one(&mut self, place: ValuePlace, key: Option<&str>, value: &str, headers: &[OutgoingHeader<'_>]) -> bool {
        let shown: Vec<weir_model::Header<'_>> =
            headers.iter().map(|(name, value)| weir_model::Header { name, value: value.as_deref() }).collect();
        let target = self.target;
        let checked = {
            let mut rows = target.rows();
            target.check(rows.as_mut(), value, &shown).map(|key| key.map(Cow::into_owned))
        };
        match checked {
            Ok(own) => self.send(place, key.or(own.as_deref()), value, headers, None).await.is_ok(),
            Err(reason) => {
                self.report.refuse(place, Some(value), &reason);
                true
            }
        }
    }

    /// Sends a value that was checked before; what Kafka finds too large is in the report. False when nothing more can be sent.
    pub async fn checked(&mut self, place: ValuePlace, key: &str, value: &str) -> bool {
        self.send(place, Some(key), value, &[], None).await.is_ok()
    }

    /// Notes a value that is refused before the model sees it.
    pub fn refuse(&mut self, place: ValuePlace, reason: &str) {
        self.report.refuse(place, None, reason);
    }

    /// Sends a value that nobody can be told about when the model refuses it: it goes to Kafka as it is, and ingest keeps what
    /// is no event among the failures. False when nothing more can be sent.
    pub async fn as_it_is(&mut self, place: ValuePlace, value: &str, headers: &[OutgoingHeader<'_>], timestamp_ms: Option<i64>) -> bool {
        let target = self.target;
        let key = {
            let mut rows = target.rows();
            target.check(rows.as_mut(), value, &[]).ok().flatten().map(Cow::into_owned)
        };
        self.send(place, key.as_deref(), value, headers, timestamp_ms).await.is_ok()
    }

    /// Waits for Kafka's word on everything so far; false when something failed.
    pub async fn settled(&self) -> bool {
        self.receipt.settled().await;
        self.receipt.fault().is_none()
    }

    async fn send(
        &mut self,
        place: ValuePlace,
        key: Option<&str>,
        value: &str,
        headers: &[OutgoingHeader<'_>],
        timestamp_ms: Option<i64>,
    ) -> Result<(), Over> {
        let (key, bytes) = (key.map(str::as_bytes), value.as_bytes());
        let message = Message { topic: &self.target.topic, partition: None, key, value: Some(bytes), headers, timestamp_ms };
        let is_alone = bytes.len() >= ALONE_BYTES;
        let receipt = if is_alone { Arc::default() } else { Arc::clone(&self.receipt) };
        let producer = &self.target.intake.producer;
        loop {
            if self.receipt.fault().is_some() {
                return Err(Over);
            }
            match producer.send(&message, &receipt) {
                Ok(()) => break,
                Err(Refused::Full) => {
                    if timeout(ROOM_LIMIT, producer.room(bytes.len())).await.is_err() {
                        return self.over(Ended::Kafka("there was no room in its queue for too long".to_owned()));
                    }
                }
                Err(Refused::TooLarge) => {
                    self.report.refuse(place, None, TOO_LARGE);
                    return Ok(());
                }
                Err(Refused::Failed(reason)) => return self.over(Ended::Kafka(reason)),
            }
        }
        if is_alone {
            receipt.settled().await;
            self.report.accepted += receipt.acknowledged();
            if receipt.too_large() > 0 {
                self.report.refuse(place, None, TOO_LARGE);
            }
            if let Some(fault) = receipt.fault() {
                return self.over(Ended::Kafka(fault.to_owned()));
            }
        }
        Ok(())
    }

    /// Notes that what comes cannot be read on.
    pub(crate) fn broken(&mut self, ended: Ended) {
        self.report.ended = ended;
    }

    fn over(&mut self, ended: Ended) -> Result<(), Over> {
        self.report.ended = ended;
        Err(Over)
    }
}

const TOO_LARGE: &str = "it is larger than Kafka takes: raise the topic's max.message.bytes";

fn is_json(value: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(value).is_ok()
}
