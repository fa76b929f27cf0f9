//! The decoded new records of a batch, for the log, the projections and the failures.

use std::{borrow::Cow, ops::Range};

use weir_model::{
    Chosen, DayNumber, ErrorClass, Event, KafkaBatch, Micros, Model, Outcome, Position, Record,
    Rejection, Rows,
    cloud_event::CloudEvent,
    events::Events,
    json_text::refused_by_jsonb,
    value::{self, Opened},
};

use super::{Refusal, Writer, partition_work::PartitionWork};
use crate::{NewEvent, Report};

/// Records to write, with their stream's short id.
pub(crate) struct NewRecords<'b> {
    records: Vec<(Record<'b>, i32)>,
    /// Whether the bytes are unchanged since the sender. Only then does the header `weir-error`
    /// count, which reports that the sender could not convert the value.
    as_sent: bool,
}

/// A record and the result of its decoding.
pub(crate) struct DecodedRecord<'a> {
    pub record: &'a Record<'a>,
    pub stream: i32,
    /// The index of its model in the list of models.
    model: Option<usize>,
    opened: &'a Opened<'a>,
    pub outcome: Outcome<'a>,
    /// Whether the column `payload` can store its JSON.
    plain: bool,
}

/// The way in which rows are written to a projection.
pub(super) enum ProjectionWrite<'s> {
    Upsert(weir_model::Statement<'s>),
    CopyNewKeys(weir_model::Copy),
}

impl ProjectionWrite<'_> {
    /// Returns the number of rows that were not written because newer ones exist.
    pub(super) fn stale(&self, written: u64) -> usize {
        match self {
            Self::Upsert(statement) => {
                statement.rows.saturating_sub(usize::try_from(written).unwrap_or(usize::MAX))
            }
            Self::CopyNewKeys(_) => 0,
        }
    }
}

/// The new records. They may be partly decoded, because COPY starts before all records are decoded.
pub(crate) struct Decoded<'a> {
    writer: &'a Writer,
    /// The consumer group of the records.
    group_id: &'a str,
    /// Records that are not decoded yet.
    waiting:
        std::iter::Zip<std::slice::Iter<'a, (Record<'a>, i32)>, std::slice::Iter<'a, Opened<'a>>>,
    items: Vec<DecodedRecord<'a>>,
    /// The typed rows of each model, in the order of the list of models.
    rows: Vec<(&'static str, Box<dyn Rows<'a> + 'a>)>,
}

impl<'b> NewRecords<'b> {
    pub(super) fn of(batch: &'b KafkaBatch, work: &[PartitionWork<'_>], begun_at: Micros) -> Self {
        let record =
            |index, stream| (Record { arrived_at: Some(begun_at), ..batch.record(index) }, stream);
        let all = work.iter().flat_map(|partition| {
            partition.new_records().map(move |index| record(index, partition.stream))
        });
        Self { records: all.collect(), as_sent: true }
    }

    /// Records of the log. Errors in their headers do not count, because the log accepted them.
    pub(crate) fn of_log(records: Vec<(Record<'b>, i32)>) -> Self {
        Self { records, as_sent: false }
    }

    /// A failure. If its bytes were edited, the editor has converted the value.
    pub(crate) fn of_failure(record: Record<'b>, stream: i32) -> Self {
        let as_sent = weir_model::checksum_of(&record) == record.checksum;
        Self { records: vec![(record, stream)], as_sent }
    }

    /// Removes the frames of the values.
    pub(crate) fn open<'s>(&'s self, writer: &Writer) -> Vec<Opened<'s>> {
        let open = |(record, _): &'s (Record<'b>, i32)| {
            let refused = if self.as_sent && record.bad_base64.is_none() {
                value::sender_error(record)
            } else {
                None
            };
            refused
                .map_or_else(|| value::open(record, writer.decoder(record.topic)), Opened::Rejected)
        };
        self.records.iter().map(open).collect()
    }
}

impl DecodedRecord<'_> {
    /// Returns whether the record is stored in the log, which holds for events and skips.
    pub(super) fn is_stored(&self) -> bool {
        !matches!(self.outcome, Outcome::Reject(_))
    }

    pub(crate) fn is_event(&self) -> bool {
        matches!(self.outcome, Outcome::Event(_))
    }

    /// Returns the columns of the value in the log: `payload`, and `raw` if `payload` is not
    /// exactly the value.
    pub(crate) fn body(&self) -> (Option<&str>, Option<&[u8]>) {
        match self.opened {
            Opened::Json { text, exact } => (
                self.plain.then_some(text.as_ref()),
                if self.plain && *exact { None } else { self.record.value },
            ),
            Opened::Tombstone | Opened::Rejected(_) => (None, None),
        }
    }

    pub(crate) fn event(&self) -> Option<&Event<'_>> {
        match &self.outcome {
            Outcome::Event(event) => Some(event),
            _ => None,
        }
    }

    fn position(&self) -> Position {
        let record = self.record;
        Position {
            timestamp_ms: record.timestamp_ms,
            stream: self.stream,
            partition: record.partition,
            offset: record.offset,
        }
    }
}

/// Adds the fields in the headers and the record's timestamp that decoding did not set. Failures
/// can be searched by these fields.
fn fill_known(rejection: &mut Rejection, record: &Record<'_>) {
    let known = rejection.known.get_or_insert_default();
    let cloud = CloudEvent::of(record).map(|cloud| cloud.event().into_owned()).unwrap_or_default();
    known.entity_id = known.entity_id.take().or(cloud.entity_id);
    known.event_time = known.event_time.or(cloud.event_time).or_else(|| record.timestamp());
    known.event_type = known.event_type.take().or(cloud.event_type);
}

impl<'a> Decoded<'a> {
    /// Decodes every record with its topic's model.
    pub(crate) fn of(
        writer: &'a Writer,
        group_id: &'a str,
        new: &'a NewRecords<'a>,
        opened: &'a [Opened<'a>],
    ) -> Self {
        let mut decoded = Self::begin(writer, group_id, new, opened);
        decoded.decode(usize::MAX);
        decoded
    }

    /// Creates the list without decoding any record.
    pub(super) fn begin(
        writer: &'a Writer,
        group_id: &'a str,
        new: &'a NewRecords<'a>,
        opened: &'a [Opened<'a>],
    ) -> Self {
        let rows = writer.models.iter().map(|m| (m.name(), m.rows(&writer.topics))).collect();
        Self {
            writer,
            group_id,
            waiting: new.records.iter().zip(opened),
            items: Vec::with_capacity(new.records.len()),
            rows,
        }
    }

    /// Decodes up to `count` more records and returns their index range, empty at the end.
    pub(super) fn decode(&mut self, count: usize) -> Range<usize> {
        let first = self.items.len();
        let Self { writer, waiting, items, rows, .. } = self;
        let keys = writer.index_keys.get();
        items.extend(waiting.by_ref().take(count).map(|((record, stream), opened)| {
            let model = writer.topics.model_index(record.topic);
            let mut outcome = match (model, opened) {
                (_, Opened::Rejected(rejection)) => Outcome::Reject(rejection.clone()),
                (None, _) => Rejection::new(ErrorClass::UnboundTopic, format!("no model is bound to topic \
                    {}: bind one with --topics", record.topic)).into(),
                (Some(model), Opened::Tombstone) => rows[model].1.tombstone(record),
                (Some(model), Opened::Json { text, .. }) => rows[model].1.decode(record, text),
            };
            match &mut outcome {
                Outcome::Event(event) => {
                    if let Some(rejection) = keys.and_then(|keys| keys.refuse(model, record, event)) {
                        outcome = rejection.with_known(std::mem::take(event)).into();
                    }
                }
                Outcome::Reject(rejection) => fill_known(rejection, record),
                Outcome::Skip(_) => {}
            }
            let plain =
                !matches!((&outcome, opened), (Outcome::Event(_) | Outcome::Skip(_), Opened::Json { text, .. }) if refused_by_jsonb(text));
            DecodedRecord { record, stream: *stream, model, opened, outcome, plain }
        }));
        first..self.items.len()
    }

    pub(crate) fn items(&self) -> &[DecodedRecord<'a>] {
        &self.items
    }

    pub(super) fn writer(&self) -> &'a Writer {
        self.writer
    }

    pub(crate) fn group_id(&self) -> &'a str {
        self.group_id
    }

    /// Turns an event into a skip.
    pub(super) fn skip(&mut self, n: usize, reason: &'static str) {
        self.items[n].outcome = Outcome::Skip(reason.into());
    }

    /// Returns whether there are no records.
    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty() && self.waiting.len() == 0
    }

    /// Returns the indexes of the records that are stored in the log: events and skips.
    pub(crate) fn stored(&self) -> impl Iterator<Item = usize> {
        self.items.iter().enumerate().filter(|(_, item)| item.is_stored()).map(|(n, _)| n)
    }

    /// Returns the name of a record's model. A topic without a model has the generic model's name.
    pub(super) fn model_of(&self, item: &DecodedRecord<'_>) -> &'static str {
        item.model.map_or_else(|| Events.name(), |index| self.rows[index].0)
    }

    /// Returns the records that decoding rejected.
    pub(crate) fn rejections(&self) -> impl Iterator<Item = Refusal<'_>> {
        self.items.iter().filter_map(|item| match &item.outcome {
            Outcome::Reject(rejection) => Some(Refusal {
                record: item.record,
                stream: item.stream,
                model: self.model_of(item),
                event: rejection.known.as_deref(),
                class: rejection.class.to_owned(),
                message: rejection.message.clone(),
                chain: String::new(),
                refused_by: None,
            }),
            _ => None,
        })
    }

    /// Returns the upserts of the chosen records, for all models.
    pub(crate) fn upserts(&self, chosen: &[usize]) -> Vec<weir_model::Statement<'_>> {
        let mut all = Vec::new();
        for (index, (_, rows)) in self.rows.iter().enumerate() {
            let chosen = self.chosen(chosen, index);
            if !chosen.is_empty() {
                all.extend(rows.upsert(&chosen));
            }
        }
        all
    }

    /// Returns the projection writes of the chosen records, for all models.
    pub(super) fn projections(
        &self,
        chosen: &[usize],
        copy_new_keys: bool,
    ) -> Vec<ProjectionWrite<'_>> {
        let mut all = Vec::new();
        for (index, (_, rows)) in self.rows.iter().enumerate() {
            let chosen = self.chosen(chosen, index);
            if chosen.is_empty() {
                continue;
            }
            let copies = if copy_new_keys { rows.copy_new(&chosen) } else { Vec::new() };
            let upserts = if copies.is_empty() {
                rows.upsert(&chosen)
            } else {
                rows.secondary_upserts(&chosen)
            };
            all.extend(copies.into_iter().map(ProjectionWrite::CopyNewKeys));
            all.extend(upserts.into_iter().map(ProjectionWrite::Upsert));
        }
        all
    }

    /// Returns the days of series models that the batch may change.
    pub(crate) fn days(&self) -> Vec<(&'static str, DayNumber)> {
        let all: Vec<usize> = (0..self.items.len()).collect();
        let of_model = |(index, (name, rows)): (usize, &(&'static str, Box<dyn Rows<'a> + 'a>))| {
            rows.days(&self.chosen(&all, index))
                .into_iter()
                .map(|day| (*name, day))
                .collect::<Vec<_>>()
        };
        self.rows.iter().enumerate().flat_map(of_model).collect()
    }

    fn chosen(&self, chosen: &[usize], model: usize) -> Vec<Chosen> {
        let items = chosen.iter().map(|n| &self.items[*n]).filter(|item| item.model == Some(model));
        items
            .filter_map(|item| Some(Chosen { row: item.event()?.row?, at: item.position() }))
            .collect()
    }

    /// Returns the chosen events as plugins get them.
    pub(crate) fn new_events(&self, chosen: &[usize]) -> Vec<NewEvent<'_>> {
        let with_event =
            chosen.iter().filter_map(|n| Some((&self.items[*n], self.items[*n].event()?)));
        with_event
            .map(|(item, event)| NewEvent {
                topic: item.record.topic,
                group_id: self.group_id,
                stream: item.stream,
                partition: item.record.partition,
                offset: item.record.offset,
                timestamp_ms: item.record.timestamp_ms,
                key: item.record.key,
                entity_id: event.entity_id.as_deref(),
                event_time: event.event_time,
                event_type: event.event_type.as_deref(),
                event_version: event.event_version.as_deref(),
                payload: match item.opened {
                    Opened::Json { text, .. } => Cow::Borrowed(text),
                    Opened::Tombstone | Opened::Rejected(_) => Cow::Borrowed("null"),
                },
            })
            .collect()
    }

    /// Returns the counts, with Phobos' names.
    pub(super) fn report(
        &self,
        records: usize,
        repeats: usize,
        stale: usize,
        refused: usize,
    ) -> Report {
        let count = |of: fn(&Outcome<'_>) -> bool| {
            self.items.iter().filter(|item| of(&item.outcome)).count()
        };
        let skipped = count(|o| matches!(o, Outcome::Skip(_)));
        Report {
            around_consume: records,
            event_already_exists_check: records,
            event_action: self.items.len(),
            event_acknowledged: count(|o| matches!(o, Outcome::Event(_))).saturating_sub(refused),
            event_skipped: skipped - repeats,
            event_already_consumed: records - self.items.len() + repeats,
            event_failed: count(|o| matches!(o, Outcome::Reject(_))) + refused,
            event_stale: stale,
            retries: 0,
            group_id: String::new(),
            gaps: Vec::new(),
            refused_reason: None,
            reached_ms: None,
        }
    }

    /// Logs one tracing event for each record, at the level debug.
    pub(super) fn trace(&self) {
        if !tracing::enabled!(tracing::Level::DEBUG) {
            return;
        }
        for item in &self.items {
            let name = match &item.outcome {
                Outcome::Event(_) => "event_acknowledged",
                Outcome::Skip(_) => "event_skipped",
                Outcome::Reject(_) => "event_failed",
            };
            let record = item.record;
            let key = record.key.map(String::from_utf8_lossy);
            let checksum = format!("{:032x}", record.checksum);
            tracing::debug!(
                name,
                topic = record.topic,
                partition = record.partition,
                offset = record.offset,
                key = key.as_deref(),
                checksum,
                group = self.group_id
            );
        }
    }
}
