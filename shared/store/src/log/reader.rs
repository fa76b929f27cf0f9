//! Reads the log from its beginning, in chunks that fit into memory: first the archived days, then
//! the database.

use std::{collections::VecDeque, pin::Pin};

use futures_util::{StreamExt, TryStreamExt, stream::Fuse};
use serde::{Deserialize, Serialize};
use tokio_postgres::{RowStream, types::Type};
use weir_model::Micros;

use super::LogRecord;
use crate::{
    Connection, Store, StoreError,
    archive::{self, Archive, Chunks},
    tx::TypedParam,
};

/// The most records of a chunk, and the bytes at which a chunk is full.
const CHUNK_RECORDS: usize = 2_000;
const CHUNK_BYTES: usize = 8 * 1024 * 1024;
/// Kafka's offsets begin at 0.
const BEFORE_FIRST: i64 = -1;

/// The rows of a part of a partition, which the server sorts in memory.
const PART_NARROW: i64 = 2_000;
const PART_PACKED: i64 = 40;

/// How far a read of the log has come. A later read can begin here: it returns no record that
/// comes before, except records of an archived file that was not read to its end.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogPosition {
    /// The last archived file that was read to its end.
    archived: Option<String>,
    /// Stream, partition and offset of the last record from the database.
    place: Option<(i32, i32, i64)>,
}

/// An open read of the log, on a separate connection. It reads each partition in parts, because no
/// index has the records of packed rows in their order.
pub(crate) struct LogReader {
    /// The archived records, and how many of them are left to read; `None` after their end.
    archived: Option<(Chunks, u64)>,
    /// The part that is being read. Fused, because the driver's stream returns the error
    /// "connection closed" when it is polled after its end.
    rows: Option<Fuse<Pin<Box<RowStream>>>>,
    /// The partitions that are not read to their end.
    places: VecDeque<(i32, i32)>,
    /// The last offset of the part, and whether it is the last part of the partition.
    read_to: i64,
    is_last: bool,
    from: Option<Micros>,
    /// The archived file that is being read.
    file: Option<String>,
    position: LogPosition,
    connection: Connection,
}

impl LogReader {
    /// Starts to read the streams, with records that arrived at `from` or later. Sees the records
    /// that are committed now.
    ///
    /// The read begins at `position`; the default is the beginning.
    ///
    /// The lock keeps the months in the database until the end. It is taken before the snapshot, so
    /// a month is either in the database or in the archive.
    pub(crate) async fn open(
        store: &Store,
        archive: &dyn Archive,
        streams: &[i32],
        from: Option<Micros>,
        position: LogPosition,
    ) -> Result<Self, StoreError> {
        const BEGIN: &str = "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = \
            0; BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; \
            LOCK TABLE event_records, packed_events IN ACCESS SHARE MODE";
        let connection = store.connect().await?;
        connection.client().batch_execute(BEGIN).await?;
        let mut places: VecDeque<(i32, i32)> = connection
            .client()
            .query_typed(
                "-- partitions_of_streams\nSELECT stream, partition FROM stream_partitions WHERE \
                    stream = ANY ($1) ORDER BY stream, partition",
                &[(&streams, Type::INT4_ARRAY)],
            )
            .await?
            .iter()
            .map(|row| Ok((row.try_get("stream")?, row.try_get("partition")?)))
            .collect::<Result<_, StoreError>>()?;
        let (mut files, _) = archive::files_of_streams(&connection, streams, from).await?;
        // A month may have moved to the archive since. Its records are then read again.
        if let Some(n) =
            files.iter().position(|file| Some(&file.path) == position.archived.as_ref())
        {
            files.drain(..=n);
        }
        let mut read_to = BEFORE_FIRST;
        if let Some((stream, partition, offset)) = position.place {
            places.retain(|place| *place >= (stream, partition));
            if places.front() == Some(&(stream, partition)) {
                read_to = offset;
            }
        }
        let records = files.iter().map(|file| file.records).sum();
        let archived = Some((archive.read(files), records));
        Ok(Self {
            archived,
            rows: None,
            places,
            read_to,
            is_last: false,
            from,
            file: None,
            position,
            connection,
        })
    }

    /// Returns the next chunk; `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<LogRecord>>, StoreError> {
        if let Some(chunk) = self.next_archived().await? {
            return Ok(Some(chunk));
        }
        let (mut chunk, mut bytes) = (Vec::new(), 0);
        while chunk.len() < CHUNK_RECORDS && bytes < CHUNK_BYTES {
            if self.rows.is_none() && !self.next_part().await? {
                break;
            }
            let Some(rows) = &mut self.rows else { break };
            match rows.try_next().await? {
                Some(row) => {
                    let record = LogRecord::read(&row)?;
                    bytes += record.size();
                    chunk.push(record);
                }
                None => self.rows = None,
            }
        }
        let Some(last) = chunk.last() else { return Ok(None) };
        self.position.place = Some((last.stream, last.partition, last.offset));
        Ok(Some(chunk))
    }

    /// Returns how far the read has come, after the records that were returned last.
    pub(crate) fn position(&self) -> &LogPosition {
        &self.position
    }

    /// Returns the next archived records; `None` at their end.
    async fn next_archived(&mut self) -> Result<Option<Vec<LogRecord>>, StoreError> {
        while let Some((archived, left)) = &mut self.archived {
            let Some(chunk) = archived.recv().await else {
                if *left > 0 {
                    let text = format!("the archive ended {left} records too early");
                    return Err(StoreError::Archive(text));
                }
                self.archived = None;
                self.position.archived = self.file.take().or(self.position.archived.take());
                break;
            };
            let (file, records) = chunk?;
            if self.file.as_ref() != Some(&file.path) {
                let before = self.file.replace(file.path.clone());
                self.position.archived = before.or(self.position.archived.take());
            }
            *left = left.saturating_sub(records.len() as u64);
            let records = records.into_iter();
            let records: Vec<_> =
                records.filter_map(|r| LogRecord::archived(&file, r, self.from)).collect();
            if !records.is_empty() {
                return Ok(Some(records));
            }
        }
        Ok(None)
    }

    /// Begins to read the next part. Returns `false` if there is none.
    async fn next_part(&mut self) -> Result<bool, StoreError> {
        if self.is_last {
            self.places.pop_front();
            (self.read_to, self.is_last) = (BEFORE_FIRST, false);
        }
        let Some((stream, partition)) = self.places.front() else { return Ok(false) };
        let client = self.connection.client();
        let after = self.read_to;
        let params: [TypedParam<'_>; 6] = [
            (stream, Type::INT4),
            (partition, Type::INT4),
            (&after, Type::INT8),
            (&self.from, Type::TIMESTAMPTZ),
            (&PART_NARROW, Type::INT8),
            (&PART_PACKED, Type::INT8),
        ];
        let rows = client.query_typed(include_str!("sql/read_log_end.sql"), &params).await?;
        let last: Option<i64> =
            rows.first().map(|row| row.try_get("last_offset")).transpose()?.flatten();
        (self.read_to, self.is_last) = (last.unwrap_or(i64::MAX), last.is_none());
        let params: [TypedParam<'_>; 5] = [
            (stream, Type::INT4),
            (partition, Type::INT4),
            (&after, Type::INT8),
            (&self.read_to, Type::INT8),
            (&self.from, Type::TIMESTAMPTZ),
        ];
        let rows = client.query_typed_raw(include_str!("sql/read_log.sql"), params).await?;
        self.rows = Some(Box::pin(rows).fuse());
        Ok(true)
    }
}

/// Returns the number of records of these streams that arrived at `from` or later, with the
/// archived ones.
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
    let (_, archived) = archive::files_of_streams(&connection, streams, from).await?;
    Ok(u64::try_from(count).unwrap_or(0) + archived)
}
