//! Reads the log from its beginning, in chunks that fit into memory.

use std::pin::Pin;

use futures_util::{StreamExt, TryStreamExt, stream::Fuse};
use tokio_postgres::{RowStream, types::Type};
use weir_model::Micros;

use super::LogRecord;
use crate::{Connection, Store, StoreError, tx::TypedParam};

/// The most records of a chunk, and the bytes at which a chunk is full.
const CHUNK_RECORDS: usize = 2_000;
const CHUNK_BYTES: usize = 8 * 1024 * 1024;

/// An open read of the log, on a separate connection.
pub(crate) struct LogReader {
    /// Fused, because the driver's stream returns the error "connection closed" when it is polled
    /// after its end.
    rows: Fuse<Pin<Box<RowStream>>>,
    _connection: Connection,
}

impl LogReader {
    /// Starts to read the streams, with records that arrived at `from` or later. Sees the records
    /// that are committed now.
    pub(crate) async fn open(
        store: &Store,
        streams: &[i32],
        from: Option<Micros>,
    ) -> Result<Self, StoreError> {
        let connection = store.connect().await?;
        connection.client().batch_execute("SET statement_timeout = 0").await?;
        let params: [TypedParam<'_>; 2] =
            [(&streams, Type::INT4_ARRAY), (&from, Type::TIMESTAMPTZ)];
        let rows =
            connection.client().query_typed_raw(include_str!("sql/read_log.sql"), params).await?;
        Ok(Self { rows: Box::pin(rows).fuse(), _connection: connection })
    }

    /// Returns the next chunk; `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<LogRecord>>, StoreError> {
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

/// Returns the number of records of these streams that arrived at `from` or later.
pub(crate) async fn count(
    store: &Store,
    streams: &[i32],
    from: Option<Micros>,
) -> Result<u64, StoreError> {
    let connection = store.connect().await?;
    connection.client().batch_execute("SET statement_timeout = 0").await?;
    let params: [TypedParam<'_>; 2] = [(&streams, Type::INT4_ARRAY), (&from, Type::TIMESTAMPTZ)];
    let rows = connection.client().query_typed(include_str!("sql/count_log.sql"), &params).await?;
    let count: i64 = rows.first().map(|row| row.try_get("records")).transpose()?.unwrap_or(0);
    Ok(u64::try_from(count).unwrap_or(0))
}
