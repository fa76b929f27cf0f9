//! Appends new records to the log, by binary COPY.

use std::pin::Pin;

use bytes::Bytes;
use futures_util::SinkExt;
use tokio_postgres::{CopyInSink, Statement};
use weir_model::{Event, Record, copy_rows::CopyRows};

use crate::{StoreError, Tx, headers, pipeline::Pipeline};

/// The number of columns in the statement.
const COLUMNS: i16 = 16;
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
}

impl Append {
    /// The statement to prepare. The column `arrived_at` is missing in it, because the database
    /// sets it.
    pub(crate) const SQL: &str = include_str!("sql/copy_events.sql");

    pub(crate) async fn begin(tx: &Tx, statement: &Statement) -> Result<Self, StoreError> {
        let sink = Box::pin(tx.client().copy_in(statement).await?);
        Ok(Self { sink, rows: CopyRows::new(CHUNK_BYTES + CHUNK_BYTES / 4) })
    }

    pub(crate) async fn push(&mut self, row: &AppendRow<'_>) -> Result<(), StoreError> {
        push(&mut self.rows, row);
        if self.rows.len() >= CHUNK_BYTES {
            self.sink.send(self.rows.take()).await?;
        }
        Ok(())
    }

    /// Puts the end of the COPY into the pipeline, so that the next statement does not wait for it.
    pub(crate) async fn finish(mut self, pipeline: &mut Pipeline<'_>) -> Result<(), StoreError> {
        self.rows.end();
        self.sink.send(self.rows.take()).await?;
        pipeline.send(async move { Ok(self.sink.as_mut().finish().await?) }).await;
        Ok(())
    }
}

fn push(rows: &mut CopyRows, row: &AppendRow<'_>) {
    let AppendRow { stream, record, skipped, event, payload, raw } = row;
    rows.row(COLUMNS);
    rows.int4(*stream);
    rows.int4(record.partition);
    rows.int8(record.offset);
    rows.int8(record.timestamp_ms);
    rows.instant(event.map_or_else(|| record.timestamp(), |e| e.event_time));
    rows.bytes(Some(&record.checksum.to_be_bytes()));
    rows.bytes(Some(if skipped.is_some() { b"skipped" } else { b"event" }));
    rows.bytes(skipped.map(str::as_bytes));
    rows.bytes(record.key);
    rows.bytes(headers::to_json(&record.headers).as_deref().map(str::as_bytes));
    rows.bytes(event.and_then(|e| e.entity_id.as_deref()).map(str::as_bytes));
    rows.bytes(event.and_then(|e| e.event_type.as_deref()).map(str::as_bytes));
    rows.bytes(event.and_then(|e| e.event_version.as_deref()).map(str::as_bytes));
    rows.bytes(payload.map(str::as_bytes));
    rows.bytes(*raw);
    rows.bytes(event.and_then(|e| e.problems.as_deref()).map(str::as_bytes));
}
