//! Copies new records into the log, by binary COPY.

use std::pin::Pin;

use futures_util::SinkExt;
use tokio_postgres::{CopyInSink, Statement};
use weir_model::{Outcome, copy_rows::CopyRows};

use super::{Decoded, DecodedRecord};
use crate::{StoreError, Tx, headers, pipeline::Pipeline};

/// The column `arrived_at` is missing here, because the database sets it.
pub(super) const SQL: &str = include_str!("../sql/copy_events.sql");
/// The number of columns in the statement.
const COLUMNS: i16 = 16;
/// The bytes of a chunk that is sent to the socket, so that the server works while the next chunk
/// is encoded.
const CHUNK_BYTES: usize = 64 * 1024;

/// Records that are decoded between two chunks.
const CHUNK_RECORDS: usize = 100;

/// A running COPY into the log.
struct EventCopy {
    sink: Pin<Box<CopyInSink<bytes::Bytes>>>,
    rows: CopyRows,
}

impl EventCopy {
    async fn begin(tx: &Tx, statement: &Statement) -> Result<Self, StoreError> {
        let sink = Box::pin(tx.client().copy_in(statement).await?);
        Ok(Self { sink, rows: CopyRows::new(CHUNK_BYTES + CHUNK_BYTES / 4) })
    }

    async fn push(&mut self, item: &DecodedRecord<'_>) -> Result<(), StoreError> {
        push(&mut self.rows, item);
        if self.rows.len() >= CHUNK_BYTES {
            self.sink.send(self.rows.take()).await?;
        }
        Ok(())
    }

    /// Puts the end of the COPY into the pipeline, so that the next statement does not wait for it.
    async fn finish(mut self, pipeline: &mut Pipeline<'_>) -> Result<(), StoreError> {
        self.rows.end();
        self.sink.send(self.rows.take()).await?;
        pipeline.send(async move { Ok(self.sink.as_mut().finish().await?) }).await;
        Ok(())
    }
}

/// Copies the chosen records.
pub(super) async fn copy(
    tx: &Tx,
    statement: &Statement,
    decoded: &Decoded<'_>,
    chosen: &[usize],
    pipeline: &mut Pipeline<'_>,
) -> Result<(), StoreError> {
    let mut copying = EventCopy::begin(tx, statement).await?;
    for n in chosen {
        copying.push(&decoded.items()[*n]).await?;
    }
    copying.finish(pipeline).await
}

/// Copies all records, and decodes the remaining ones in between, so that the server writes during
/// decoding.
pub(super) async fn decode_and_copy(
    tx: &Tx,
    statement: &Statement,
    decoded: &mut Decoded<'_>,
    pipeline: &mut Pipeline<'_>,
) -> Result<(), StoreError> {
    let mut copying = EventCopy::begin(tx, statement).await?;
    let mut next = 0..decoded.items().len();
    if next.is_empty() {
        next = decoded.decode(CHUNK_RECORDS);
    }
    while !next.is_empty() {
        for item in decoded.items()[next].iter().filter(|item| item.is_stored()) {
            copying.push(item).await?;
        }
        next = decoded.decode(CHUNK_RECORDS);
    }
    copying.finish(pipeline).await
}

/// Copies encoded rows.
pub(super) async fn copy_ready(
    tx: &Tx,
    statement: &Statement,
    data: bytes::Bytes,
    pipeline: &mut Pipeline<'_>,
) -> Result<(), StoreError> {
    let sink: CopyInSink<bytes::Bytes> = tx.client().copy_in(statement).await?;
    let mut sink = Box::pin(sink);
    sink.send(data).await?;
    pipeline.send(async move { Ok(sink.as_mut().finish().await?) }).await;
    Ok(())
}

fn push(rows: &mut CopyRows, item: &DecodedRecord<'_>) {
    let record = item.record;
    let event = item.event();
    let (payload, raw) = item.body();
    let (outcome, reason) = match &item.outcome {
        Outcome::Skip(reason) => ("skipped", Some(reason.as_bytes())),
        _ => ("event", None),
    };
    rows.row(COLUMNS);
    rows.int4(item.stream);
    rows.int4(record.partition);
    rows.int8(record.offset);
    rows.int8(record.timestamp_ms);
    rows.instant(event.map_or_else(|| record.timestamp(), |e| e.event_time));
    rows.bytes(Some(&record.checksum.to_be_bytes()));
    rows.bytes(Some(outcome.as_bytes()));
    rows.bytes(reason);
    rows.bytes(record.key);
    rows.bytes(headers::to_json(&record.headers).as_deref().map(str::as_bytes));
    rows.bytes(event.and_then(|e| e.entity_id.as_deref()).map(str::as_bytes));
    rows.bytes(event.and_then(|e| e.event_type.as_deref()).map(str::as_bytes));
    rows.bytes(event.and_then(|e| e.event_version.as_deref()).map(str::as_bytes));
    rows.bytes(payload.map(str::as_bytes));
    rows.bytes(raw);
    rows.bytes(event.and_then(|e| e.problems.as_deref()).map(str::as_bytes));
}
