//! A record of the log, as it is read.

use tokio_postgres::Row;
use weir_model::{Micros, Record};

use super::checksum_of;
use crate::{
    RecordCoordinates, StoreError, Tx,
    archive::{ArchivedFile, ArchivedRecord},
    headers::OwnedHeaders,
};

/// The reasons of repeats begin with this text.
const REPEATED: &str = "event_already_consumed";

/// A row of the log.
pub(crate) struct LogRecord {
    pub topic: String,
    /// The consumer group of its stream.
    pub group_id: String,
    pub stream: i32,
    pub partition: i32,
    pub offset: i64,
    pub arrived_at: Micros,
    /// The findings that were stored with the event.
    pub problems: Option<String>,
    timestamp_ms: i64,
    checksum: u128,
    key: Option<Vec<u8>>,
    headers: OwnedHeaders,
    value: Option<Vec<u8>>,
    /// Whether its model skipped it. A repeat of content is not included.
    pub skipped: bool,
    /// Whether it is a repeat of content.
    pub repeated: bool,
}

impl LogRecord {
    /// Reads the columns of `read_log`, which `read_event` has, too.
    pub(super) fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            topic: row.try_get("topic")?,
            group_id: row.try_get("group_id")?,
            stream: row.try_get("stream")?,
            partition: row.try_get("partition")?,
            offset: row.try_get("offset")?,
            arrived_at: row.try_get("arrived_at")?,
            problems: row.try_get("problems")?,
            timestamp_ms: row.try_get("timestamp_ms")?,
            checksum: checksum_of(row.try_get("checksum")?),
            key: row.try_get("key")?,
            headers: row
                .try_get::<_, Option<&str>>("headers")?
                .map(OwnedHeaders::from_json)
                .unwrap_or_default(),
            value: row.try_get("value")?,
            skipped: row.try_get("skipped")?,
            repeated: row.try_get("repeated")?,
        })
    }

    /// Returns an archived record, if it is wanted: a record of one of the streams that arrived at
    /// `from` or later. `None` for a repeat of content, which `read_log` leaves out, too.
    pub(super) fn archived(
        file: &ArchivedFile,
        record: ArchivedRecord,
        from: Option<Micros>,
    ) -> Option<Self> {
        let (_, group_id) = file.streams.iter().find(|(stream, _)| *stream == record.stream)?;
        let is_skip = record.outcome == "skipped";
        let arrived_at = Micros(record.arrived_at);
        if is_skip && record.reason.as_ref().is_some_and(|reason| reason.starts_with(REPEATED))
            || from.is_some_and(|from| arrived_at < from)
        {
            return None;
        }
        Some(Self {
            topic: file.topic.clone(),
            group_id: group_id.clone(),
            stream: record.stream,
            partition: record.partition,
            offset: record.offset,
            arrived_at,
            problems: record.problems,
            timestamp_ms: record.timestamp_ms,
            checksum: checksum_of(&record.checksum),
            key: record.key,
            headers: record.headers.as_deref().map(OwnedHeaders::from_json).unwrap_or_default(),
            value: record.raw.or(record.payload.map(String::into_bytes)),
            skipped: is_skip,
            repeated: false,
        })
    }

    pub(crate) fn place(&self) -> RecordCoordinates {
        RecordCoordinates { stream: self.stream, partition: self.partition, offset: self.offset }
    }

    /// Returns the record as a model gets it.
    pub(crate) fn record(&self) -> Record<'_> {
        Record {
            topic: &self.topic,
            partition: self.partition,
            offset: self.offset,
            timestamp_ms: self.timestamp_ms,
            key: self.key.as_deref(),
            value: self.value.as_deref(),
            headers: self.headers.view(),
            arrived_at: Some(self.arrived_at),
            schema: None,
            bad_base64: None,
            checksum: self.checksum,
        }
    }

    pub(super) fn size(&self) -> usize {
        self.value.as_ref().map_or(0, Vec::len) + self.key.as_ref().map_or(0, Vec::len) + 200
    }
}

/// Returns the record at these coordinates, if it is in the log.
pub(crate) async fn record_at(
    tx: &Tx,
    place: RecordCoordinates,
) -> Result<Option<LogRecord>, StoreError> {
    let rows = tx.query(include_str!("sql/read_event.sql"), &place.params()).await?;
    rows.first().map(LogRecord::read).transpose()
}
