//! The ceiling: binary COPY of prepared rows into the log and a projection, with one connection in
//! one transaction.

use bytes::Bytes;
use futures_util::SinkExt;
use tokio_postgres::{Client, CopyInSink, Statement};
use weir_model::{Micros, copy_rows::CopyRows};

use crate::{
    batches::{Reading, Start},
    server::connect,
};

/// A stream id that ingest never uses.
pub(crate) const STREAM: i32 = 1_000_000;
/// The COPY of the log's rows, which [`log_row`] makes.
pub(crate) const LOG: &str = r#"COPY event_records ("offset", event_time, timestamp_ms, stream, partition, type_id, checksum, key_is_entity, key, entity_id, payload)
    FROM STDIN (FORMAT binary)"#;
/// The COPY of packed rows.
pub(crate) const PACKED: &str = "COPY packed_events (first_offset, last_offset, oldest, newest, stream, partition, type_id, records, key_is_entity, offsets,
    event_times, timestamps, checksums, reasons, keys, headers, entity_hashes, entity_ids, payloads, raws) FROM STDIN (FORMAT binary)";
pub(crate) const READINGS: &str = r#"COPY readings (sensor, "timestamp", value, record_timestamp_ms, stream, partition, "offset") FROM STDIN (FORMAT binary)"#;

pub(crate) struct Ceiling {
    client: Client,
    statements: [Statement; 2],
}

impl Ceiling {
    pub(crate) async fn new(url: &str, copies: [&str; 2]) -> anyhow::Result<Self> {
        let client = connect(url).await?;
        let [log, projection] = copies;
        let statements = [client.prepare(log).await?, client.prepare(projection).await?];
        Ok(Self { client, statements })
    }

    /// Writes prepared rows in the format of binary COPY.
    pub(crate) async fn write(&self, rows: &[Bytes; 2]) -> anyhow::Result<()> {
        self.client.batch_execute("BEGIN").await?;
        for (statement, data) in self.statements.iter().zip(rows) {
            let sink: CopyInSink<Bytes> = self.client.copy_in(statement).await?;
            let mut sink = std::pin::pin!(sink);
            let mut rest = data.clone();
            // Pieces of 256 kB, as ingest sends them.
            while !rest.is_empty() {
                sink.send(rest.split_to(rest.len().min(256 * 1024))).await?;
            }
            sink.finish().await?;
        }
        self.client.batch_execute("COMMIT").await?;
        Ok(())
    }
}

/// The log's columns of an event.
pub(crate) struct LogRow<'r> {
    pub partition: i32,
    pub offset: i64,
    pub timestamp_ms: i64,
    pub event_time: Option<Micros>,
    pub checksum: u128,
    pub key: Option<&'r str>,
    pub entity_id: Option<&'r str>,
    pub payload: &'r str,
}

pub(crate) fn log_row(rows: &mut CopyRows, row: &LogRow<'_>) {
    rows.row(11);
    rows.int8(row.offset);
    rows.instant(row.event_time);
    let is_millis = row.event_time == Some(Micros(row.timestamp_ms * 1000));
    rows.maybe_int8((!is_millis).then_some(row.timestamp_ms));
    rows.int4(STREAM);
    rows.int4(row.partition);
    // All events have one type, as in a batch of ingest.
    rows.int4(STREAM);
    rows.bytes(Some(&row.checksum.to_be_bytes()));
    let key_is_entity = row.key.is_some() && row.key == row.entity_id;
    rows.bool(key_is_entity);
    for text in [row.key.filter(|_| !key_is_entity), row.entity_id, Some(row.payload)] {
        rows.bytes(text.map(str::as_bytes));
    }
}

/// Returns the same rows that ingest makes of the batch. The readings are sorted by key, which is
/// the fastest order.
pub(crate) fn rows(start: Start, batch: &[Reading]) -> [Bytes; 2] {
    let mut events = CopyRows::new(0);
    for reading in batch {
        let row = LogRow {
            partition: start.partition,
            offset: reading.offset,
            timestamp_ms: reading.micros / 1000,
            event_time: Some(Micros(reading.micros)),
            checksum: u128::from(reading.offset.unsigned_abs()),
            key: Some(&reading.sensor),
            entity_id: Some(&reading.sensor),
            payload: &reading.json,
        };
        log_row(&mut events, &row);
    }
    events.end();
    let mut sorted: Vec<&Reading> = batch.iter().collect();
    sorted.sort_by(|a, b| (&a.sensor, a.micros).cmp(&(&b.sensor, b.micros)));
    let mut readings = CopyRows::new(0);
    for reading in sorted {
        readings.row(7);
        readings.bytes(Some(reading.sensor.as_bytes()));
        readings.instant(Some(Micros(reading.micros)));
        readings.float8(reading.value);
        readings.int8(reading.micros / 1000);
        readings.int4(STREAM);
        readings.int4(start.partition);
        readings.int8(reading.offset);
    }
    readings.end();
    [events.take(), readings.take()]
}
