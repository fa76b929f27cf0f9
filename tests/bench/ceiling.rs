//! The ceiling: binary COPY of ready-made rows into the same two tables, one connection, one transaction.

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::SinkExt;
use tokio_postgres::{Client, CopyInSink, Statement};

use crate::batches::{Reading, Start};

/// 2000-01-01 in microseconds since 1970.
const POSTGRES_EPOCH_MICROS: i64 = 946_684_800_000_000;
/// A stream that ingest never uses.
const STREAM: i32 = 1_000_000;

/// Rows in the format of binary COPY, made before the clock starts.
pub(crate) struct Rows {
    events: Vec<Bytes>,
    readings: Vec<Bytes>,
}

pub(crate) struct Ceiling {
    client: Client,
    events: Statement,
    readings: Statement,
}

impl Ceiling {
    pub(crate) async fn new(url: &str) -> anyhow::Result<Self> {
        let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
        tokio::spawn(connection);
        let columns = r#"stream, partition, "offset", timestamp_ms, event_time, checksum, outcome, reason, key, headers, entity_id, event_type, event_version, payload, raw"#;
        let events = client.prepare(&["COPY events (", columns, ") FROM STDIN (FORMAT binary)"].concat()).await?;
        let readings = client.prepare(r#"COPY readings (sensor, "timestamp", value, record_timestamp_ms, stream, partition, "offset") FROM STDIN (FORMAT binary)"#).await?;
        Ok(Self { client, events, readings })
    }

    pub(crate) async fn write(&self, rows: &Rows) -> anyhow::Result<()> {
        self.client.batch_execute("BEGIN").await?;
        for (statement, chunks) in [(&self.events, &rows.events), (&self.readings, &rows.readings)] {
            let sink: CopyInSink<Bytes> = self.client.copy_in(statement).await?;
            let mut sink = std::pin::pin!(sink);
            for chunk in chunks {
                sink.send(chunk.clone()).await?;
            }
            sink.finish().await?;
        }
        self.client.batch_execute("COMMIT").await?;
        Ok(())
    }
}

/// The same rows that ingest makes of the batch; readings sorted by key, which is the fastest order.
pub(crate) fn rows(start: Start, batch: &[Reading]) -> Rows {
    let header = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
    let mut events = BytesMut::from(&header[..]);
    for reading in batch {
        events.put_i16(15);
        int4(&mut events, STREAM);
        int4(&mut events, start.partition);
        int8(&mut events, reading.offset);
        int8(&mut events, reading.micros / 1000);
        int8(&mut events, reading.micros - POSTGRES_EPOCH_MICROS);
        text(&mut events, Some(&u128::from(reading.offset.unsigned_abs()).to_be_bytes()));
        text(&mut events, Some(b"event"));
        text(&mut events, None);
        text(&mut events, Some(reading.sensor.as_bytes()));
        text(&mut events, None);
        text(&mut events, Some(reading.sensor.as_bytes()));
        text(&mut events, Some(b"reading"));
        text(&mut events, None);
        text(&mut events, Some(reading.json.as_bytes()));
        text(&mut events, None);
    }
    events.put_i16(-1);
    let mut sorted: Vec<&Reading> = batch.iter().collect();
    sorted.sort_by(|a, b| (&a.sensor, a.micros).cmp(&(&b.sensor, b.micros)));
    let mut readings = BytesMut::from(&header[..]);
    for reading in sorted {
        readings.put_i16(7);
        text(&mut readings, Some(reading.sensor.as_bytes()));
        int8(&mut readings, reading.micros - POSTGRES_EPOCH_MICROS);
        readings.put_i32(8);
        readings.put_f64(reading.value);
        int8(&mut readings, reading.micros / 1000);
        int4(&mut readings, STREAM);
        int4(&mut readings, start.partition);
        int8(&mut readings, reading.offset);
    }
    readings.put_i16(-1);
    Rows { events: chunks(events), readings: chunks(readings) }
}

/// Pieces of 256 kB, as ingest sends them.
fn chunks(bytes: BytesMut) -> Vec<Bytes> {
    let mut rest = bytes.freeze();
    let mut chunks = Vec::new();
    while !rest.is_empty() {
        chunks.push(rest.split_to(rest.len().min(256 * 1024)));
    }
    chunks
}

fn int4(out: &mut BytesMut, value: i32) {
    out.put_i32(4);
    out.put_i32(value);
}

fn int8(out: &mut BytesMut, value: i64) {
    out.put_i32(8);
    out.put_i64(value);
}

fn text(out: &mut BytesMut, value: Option<&[u8]>) {
    match value {
        Some(bytes) => {
            out.put_i32(i32::try_from(bytes.len()).unwrap_or_default());
            out.put_slice(bytes);
        }
        None => out.put_i32(-1),
    }
}
