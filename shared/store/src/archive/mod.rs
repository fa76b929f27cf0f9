//! The archive: days of the log that retention moved to the object store.
//!
//! The database has a row for each file, with its SHA-256. So a reader finds the files without a
//! request to the object store, and notices a file that is missing or damaged. This crate does not
//! read the files: a program gives a [`Writer`](crate::Writer) an [`Archive`].

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_postgres::{Row, types::Type};
use weir_model::Micros;

use crate::{Connection, Store, StoreError, Tx, tx::TypedParam};

/// The latest time of an event in the archive.
pub const NEWEST: &str = "-- newest_archived\nSELECT max(f.newest) AS newest FROM archived_files f";

/// The files that can have events of a page, those with the newest events first. The file names the
/// parameters.
pub const FILES_OF_PAGE: &str = include_str!("sql/archived_files_of_page.sql");

/// The files that can have one event. Parameters as in [`EVENT`](crate::log::EVENT).
pub const FILES_OF_EVENT: &str = include_str!("sql/archived_files_of_event.sql");

/// A Parquet file with records of one topic and one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchivedFile {
    /// The topic.
    pub topic: String,
    /// The URL of the destination to which the file was written.
    pub destination: String,
    /// The name of the file.
    pub path: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// Its SHA-256, in hex.
    pub sha256: String,
    /// The number of its records, of all streams.
    pub records: u64,
    /// The latest time of an event; the earliest time of PostgreSQL if no event has a time.
    pub newest: Micros,
    /// The streams whose records are wanted, each with its consumer group.
    pub streams: Vec<(i32, String)>,
}

impl ArchivedFile {
    /// Reads a row of a statement of this module.
    pub fn read(row: &Row) -> Result<Self, tokio_postgres::Error> {
        let (streams, groups): (Vec<i32>, Vec<String>) =
            (row.try_get("streams")?, row.try_get("groups")?);
        Ok(Self {
            topic: row.try_get("topic")?,
            destination: row.try_get("destination")?,
            path: row.try_get("path")?,
            bytes: u64::try_from(row.try_get::<_, i64>("bytes")?).unwrap_or_default(),
            sha256: row.try_get("sha256")?,
            records: u64::try_from(row.try_get::<_, i64>("records")?).unwrap_or_default(),
            newest: row.try_get("newest")?,
            streams: streams.into_iter().zip(groups).collect(),
        })
    }
}

/// A record of an archived file, with all values that the log had.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ArchivedRecord {
    /// The stream.
    pub stream: i32,
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
    /// When it arrived, in microseconds since 1970.
    pub arrived_at: i64,
    /// The record's timestamp.
    pub timestamp_ms: i64,
    /// The time of the event, in microseconds since 1970.
    pub event_time: Option<i64>,
    /// The checksum.
    pub checksum: Vec<u8>,
    /// `event` or `skipped`.
    pub outcome: String,
    /// The reason of a skip.
    pub reason: Option<String>,
    /// The key.
    pub key: Option<Vec<u8>>,
    /// The headers as JSON.
    pub headers: Option<String>,
    /// The entity.
    pub entity_id: Option<String>,
    /// The type of the event.
    pub event_type: Option<String>,
    /// The version of the event's format.
    pub event_version: Option<String>,
    /// The value as JSON.
    pub payload: Option<String>,
    /// The bytes of a value that is not exactly the JSON.
    pub raw: Option<Vec<u8>>,
    /// Findings about the event.
    pub problems: Option<String>,
}

/// Some records of a file, or the error that ends the read.
pub type Chunks = mpsc::Receiver<Result<(Arc<ArchivedFile>, Vec<ArchivedRecord>), StoreError>>;

/// Reads archived files.
pub trait Archive: Send + Sync {
    /// Begins to read the files one after the other. It checks the length and the SHA-256 of each
    /// file before it returns a record of it. Memory is limited by the size of a row group.
    fn read(&self, files: Vec<ArchivedFile>) -> Chunks;
}

/// The archive of a program that has no object store.
pub(crate) struct NoArchive;

impl Archive for NoArchive {
    fn read(&self, files: Vec<ArchivedFile>) -> Chunks {
        let (sender, receiver) = mpsc::channel(1);
        if let Some(file) = files.first() {
            let text = format!(
                "{} has archived records that are needed, and no object store is configured: give \
                    --blob-url (BLOB_URL)",
                file.destination
            );
            // The channel has room, and the receiver is here.
            let _ = sender.try_send(Err(StoreError::Archive(text)));
        }
        receiver
    }
}

/// The files of one day that retention moves to the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDay {
    /// The day, counted since 1970.
    pub day: i32,
    /// The time of the dump, as in `dumps.dumped_at`.
    pub dumped_at: Micros,
    /// One file for each topic.
    pub files: Vec<NewFile>,
}

/// A file of a [`NewDay`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFile {
    /// The topic.
    pub topic: String,
    /// The name of the file.
    pub path: String,
    /// Its length in bytes.
    pub bytes: i64,
    /// Its SHA-256, in hex.
    pub sha256: String,
    /// The earliest and the latest time of an event. An event without a time has the earliest time
    /// of PostgreSQL.
    pub times: (Micros, Micros),
    /// The records of each partition.
    pub ranges: Vec<NewRange>,
}

/// The records of one partition in a [`NewFile`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewRange {
    /// The stream.
    pub stream: i32,
    /// The partition.
    pub partition: i32,
    /// The first and the last offset.
    pub offsets: (i64, i64),
    /// The number of records.
    pub records: i64,
}

/// Stores the files of a day. Returns false, and stores nothing, if the day was dumped again since
/// they were verified.
pub(crate) async fn note_day(
    tx: &Tx,
    month_table: &str,
    destination: &str,
    day: &NewDay,
) -> Result<bool, StoreError> {
    for file in &day.files {
        let ranges = &file.ranges;
        let streams: Vec<i32> = ranges.iter().map(|r| r.stream).collect();
        let partitions: Vec<i32> = ranges.iter().map(|r| r.partition).collect();
        let firsts: Vec<i64> = ranges.iter().map(|r| r.offsets.0).collect();
        let lasts: Vec<i64> = ranges.iter().map(|r| r.offsets.1).collect();
        let records: Vec<i64> = ranges.iter().map(|r| r.records).collect();
        let params: [TypedParam<'_>; 15] = [
            (&month_table, Type::TEXT),
            (&destination, Type::TEXT),
            (&day.day, Type::INT4),
            (&day.dumped_at, Type::TIMESTAMPTZ),
            (&file.topic, Type::TEXT),
            (&file.path, Type::TEXT),
            (&file.bytes, Type::INT8),
            (&file.sha256, Type::TEXT),
            (&file.times.0, Type::TIMESTAMPTZ),
            (&file.times.1, Type::TIMESTAMPTZ),
            (&streams, Type::INT4_ARRAY),
            (&partitions, Type::INT4_ARRAY),
            (&firsts, Type::INT8_ARRAY),
            (&lasts, Type::INT8_ARRAY),
            (&records, Type::INT8_ARRAY),
        ];
        let noted = tx.query(include_str!("sql/note_archived_file.sql"), &params).await?;
        if noted.is_empty() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Returns an error if the files that were stored for a month do not have exactly the records that
/// `event_removals` has for it.
pub(crate) async fn check_month(tx: &Tx, month_table: &str) -> Result<(), StoreError> {
    let params: [TypedParam<'_>; 1] = [(&month_table, Type::TEXT)];
    let differs = tx.query(include_str!("sql/archive_differs.sql"), &params).await?;
    let Some(row) = differs.first() else { return Ok(()) };
    Err(StoreError::Archive(format!(
        "the dumps of {month_table} do not have the records of the database (stream {}, partition \
            {}), and the month was not dropped: dump its days again with `weir dump --from DAY \
            --to DAY --models events`",
        row.try_get::<_, i32>("stream")?,
        row.try_get::<_, i32>("partition")?
    )))
}

/// Returns all files, in the order of their days.
pub async fn files(store: &Store) -> Result<Vec<ArchivedFile>, StoreError> {
    let connection = store.connect().await?;
    let rows = connection.client().query_typed(include_str!("sql/archived_files.sql"), &[]).await?;
    Ok(rows.iter().map(ArchivedFile::read).collect::<Result<_, _>>()?)
}

/// Returns the files with records of these streams that arrived at `from` or later, in the order of
/// their days, and the number of these records. The days begin at midnight, and so must `from`.
pub(crate) async fn files_of_streams(
    connection: &Connection,
    streams: &[i32],
    from: Option<Micros>,
) -> Result<(Vec<ArchivedFile>, u64), StoreError> {
    let params: [TypedParam<'_>; 2] = [(&streams, Type::INT4_ARRAY), (&from, Type::TIMESTAMPTZ)];
    let sql = include_str!("sql/archived_files_of_streams.sql");
    let rows = connection.client().query_typed(sql, &params).await?;
    let mut records = 0;
    for row in &rows {
        records += u64::try_from(row.try_get::<_, i64>("wanted")?).unwrap_or_default();
    }
    let files = rows.iter().map(ArchivedFile::read).collect::<Result<_, _>>()?;
    Ok((files, records))
}
