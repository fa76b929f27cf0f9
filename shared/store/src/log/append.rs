//! Appends new records to the log, by binary COPY.

use std::pin::Pin;

use bytes::Bytes;
use futures_util::SinkExt;
use tokio_postgres::{CopyInSink, Statement};
use weir_model::{Event, Record, copy_rows::CopyRows};

use crate::{
    StoreError, Tx,
    event_types::{TypeIds, UnknownTypes},
    headers,
    pipeline::Pipeline,
};

/// The number of columns in the statement.
const COLUMNS: i16 = 17;
/// The bytes of a chunk that is sent to the socket, so that the server works while the next chunk
/// is encoded.
const CHUNK_BYTES: usize = 64 * 1024;

/// A record of the log.
pub(crate) struct AppendRow<'r> {
    pub stream: i32,
    pub record: &'r Record<'r>,
    /// The reason of a skip; `None` for an event.
    pub skipped: Option<&'r str>,
    /// The fields that the model read; `None` for a skip.
    pub event: Option<&'r Event<'r>>,
    /// The value as JSON that `jsonb` accepts.
    pub payload: Option<&'r str>,
    /// The bytes of the value, where `payload` is not exactly these bytes.
    pub raw: Option<&'r [u8]>,
}

/// A running COPY into the log.
pub(crate) struct Append {
    sink: Pin<Box<CopyInSink<Bytes>>>,
    rows: CopyRows,
    types: TypeIds,
}

impl Append {
    /// The statement to prepare. The column `arrived_at` is missing in it, because the database
    /// sets it.
    pub(crate) const SQL: &str = include_str!("sql/copy_events.sql");

    pub(crate) async fn begin(
        tx: &Tx,
        statement: &Statement,
        types: TypeIds,
    ) -> Result<Self, StoreError> {
        let sink = Box::pin(tx.client().copy_in(statement).await?);
        Ok(Self { sink, rows: CopyRows::new(CHUNK_BYTES + CHUNK_BYTES / 4), types })
    }

    pub(crate) async fn push(&mut self, row: &AppendRow<'_>) -> Result<(), StoreError> {
        push(&mut self.rows, &mut self.types, row);
        if self.rows.len() >= CHUNK_BYTES {
            self.sink.send(self.rows.take()).await?;
        }
        Ok(())
    }

    /// Puts the end of the COPY into the pipeline, so that the next statement does not wait for it.
    /// Returns the types that have no number.
    pub(crate) async fn finish(
        mut self,
        pipeline: &mut Pipeline<'_>,
    ) -> Result<UnknownTypes, StoreError> {
        self.rows.end();
        self.sink.send(self.rows.take()).await?;
        pipeline.send(async move { Ok(self.sink.as_mut().finish().await?) }).await;
        Ok(self.types.into_unknown())
    }
}

fn push(rows: &mut CopyRows, types: &mut TypeIds, row: &AppendRow<'_>) {
    let AppendRow { stream, record, skipped, event, payload, raw } = row;
    let event_time = event.map_or_else(|| record.timestamp(), |e| e.event_time);
    let timestamp_follows = event_time.is_some() && event_time == record.timestamp();
    let entity = event.and_then(|e| e.entity_id.as_deref());
    let key_is_entity = record.key.is_some() && record.key == entity.map(str::as_bytes);
    let event_type = event.and_then(|e| e.event_type.as_deref());
    let version = event.and_then(|e| e.event_version.as_deref());
    let type_id = types.find(*stream, skipped.is_some(), event_type, version);
    let (event_type, version) =
        if type_id.is_none() { (event_type, version) } else { (None, None) };

    rows.row(COLUMNS);
    rows.int8(record.offset);
    rows.instant(event_time);
    rows.maybe_int8((!timestamp_follows).then_some(record.timestamp_ms));
    rows.int4(*stream);
    rows.int4(record.partition);
    rows.maybe_int4(type_id);
    rows.bytes(Some(&record.checksum.to_be_bytes()));
    rows.bool(key_is_entity);
    rows.bytes(skipped.map(str::as_bytes));
    rows.bytes(record.key.filter(|_| !key_is_entity));
    rows.bytes(headers::to_json(&record.headers).as_deref().map(str::as_bytes));
    rows.bytes(entity.map(str::as_bytes));
    rows.bytes(event_type.map(str::as_bytes));
    rows.bytes(version.map(str::as_bytes));
    rows.bytes(payload.map(str::as_bytes));
    rows.bytes(*raw);
    rows.bytes(event.and_then(|e| e.problems.as_deref()).map(str::as_bytes));
}
