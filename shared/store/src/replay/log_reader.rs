//! Reads the log from its beginning, in chunks that fit into memory.

use std::pin::Pin;

use futures_util::{StreamExt, TryStreamExt, stream::Fuse};
use tokio_postgres::{Row, RowStream, types::Type};
use weir_model::{Micros, Record};

use crate::{Connection, Store, StoreError, headers::OwnedHeaders, tx::TypedParam};

/// The most records of a chunk, and the bytes at which a chunk is full.
const CHUNK_RECORDS: usize = 2_000;
const CHUNK_BYTES: usize = 8 * 1024 * 1024;

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
}

impl LogRecord {
    /// Reads the columns of `read_log`, which `read_event` has, too.
    pub(crate) fn read(row: &Row) -> Result<Self, StoreError> {
        let checksum: [u8; 16] =
            row.try_get::<_, &[u8]>("checksum")?.try_into().unwrap_or_default();
        Ok(Self {
            topic: row.try_get("topic")?,
            group_id: row.try_get("group_id")?,
            stream: row.try_get("stream")?,
            partition: row.try_get("partition")?,
            offset: row.try_get("offset")?,
            arrived_at: row.try_get("arrived_at")?,
            problems: row.try_get("problems")?,
            timestamp_ms: row.try_get("timestamp_ms")?,
            checksum: u128::from_be_bytes(checksum),
            key: row.try_get("key")?,
            headers: row
                .try_get::<_, Option<&str>>("headers")?
                .map(OwnedHeaders::from_json)
                .unwrap_or_default(),
            value: row.try_get("value")?,
            skipped: row.try_get("skipped")?,
        })
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

    fn size(&self) -> usize {
        self.value.as_ref().map_or(0, Vec::len) + self.key.as_ref().map_or(0, Vec::len) + 200
    }
}

/// An open read of the log, on a separate connection.
pub(super) struct LogReader {
    /// Fused, because the driver's stream returns the error "connection closed" when it is polled
    /// after its end.
    rows: Fuse<Pin<Box<RowStream>>>,
    _connection: Connection,
}

impl LogReader {
    /// Starts to read the streams, with records that arrived at `from` or later. Sees the records
    /// that are committed now.
    pub(super) async fn open(
        store: &Store,
        streams: &[i32],
        from: Option<Micros>,
    ) -> Result<Self, StoreError> {
        let connection = store.connect().await?;
        connection.client().batch_execute("SET statement_timeout = 0").await?;
        let params: [TypedParam<'_>; 2] =
            [(&streams, Type::INT4_ARRAY), (&from, Type::TIMESTAMPTZ)];
        let rows = connection
            .client()
            .query_typed_raw(include_str!("../sql/read_log.sql"), params)
            .await?;
        Ok(Self { rows: Box::pin(rows).fuse(), _connection: connection })
    }

    /// Returns the next chunk; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<LogRecord>>, StoreError> {
        let (mut chunk, mut bytes) = (Vec::new(), 0);
        while chunk.len() < CHUNK_RECORDS && bytes < CHUNK_BYTES {
            let Some(row) = self.rows.try_next().await? else { break };
            let record = LogRecord::read(&row)?;
            bytes += record.size();
            chunk.push(record);
        }
        Ok(if chunk.is_empty() { None } else { Some(chunk) })
    }
}
