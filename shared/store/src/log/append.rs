//! Appends new records to the log, by binary COPY: runs of records as packed rows, the others as
//! narrow rows.

use std::pin::Pin;

use bytes::Bytes;
use futures_util::SinkExt;
use tokio_postgres::{CopyInSink, Statement};
use weir_model::{Event, Micros, Record, copy_rows::CopyRows};

use super::packer::Packer;
use crate::{
    StoreError, Tx,
    event_types::{TypeIds, UnknownTypes},
    headers,
    pipeline::Pipeline,
};

/// The number of columns in the statement of narrow rows.
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

/// The values of a row that follow from its record and its event.
pub(super) struct Derived<'r> {
    pub event_time: Option<Micros>,
    /// `None` where it equals the time of the event.
    pub timestamp_ms: Option<i64>,
    pub entity: Option<&'r str>,
    pub key_is_entity: bool,
    /// `None` where it is the entity.
    pub key: Option<&'r [u8]>,
    pub headers: Option<String>,
    pub event_type: Option<&'r str>,
    pub version: Option<&'r str>,
    pub type_id: Option<i32>,
    pub problems: Option<&'r str>,
}

impl<'r> Derived<'r> {
    fn of(row: &AppendRow<'r>, types: &mut TypeIds) -> Self {
        let AppendRow { stream, record, skipped, event, .. } = row;
        let event_time = event.map_or_else(|| record.timestamp(), |e| e.event_time);
        let timestamp_follows = event_time.is_some() && event_time == record.timestamp();
        let entity = event.and_then(|e| e.entity_id.as_deref());
        let key_is_entity = record.key.is_some() && record.key == entity.map(str::as_bytes);
        let event_type = event.and_then(|e| e.event_type.as_deref());
        let version = event.and_then(|e| e.event_version.as_deref());
        Self {
            event_time,
            timestamp_ms: (!timestamp_follows).then_some(record.timestamp_ms),
            entity,
            key_is_entity,
            key: record.key.filter(|_| !key_is_entity),
            headers: headers::to_json(&record.headers),
            event_type,
            version,
            type_id: types.find(*stream, skipped.is_some(), event_type, version),
            problems: event.and_then(|e| e.problems.as_deref()),
        }
    }
}

/// The prepared statements that copy into the log.
pub(crate) struct AppendStatements {
    pub narrow: Statement,
    /// `None` for a few records, which are all narrow rows.
    pub packed: Option<Statement>,
}

/// A running COPY.
struct RunningCopy {
    sink: Pin<Box<CopyInSink<Bytes>>>,
}

impl RunningCopy {
    async fn begin(tx: &Tx, statement: &Statement) -> Result<Self, StoreError> {
        Ok(Self { sink: Box::pin(tx.client().copy_in(statement).await?) })
    }

    /// Sends the rows if they are a chunk.
    async fn send_chunk(&mut self, rows: &mut CopyRows) -> Result<(), StoreError> {
        if rows.len() >= CHUNK_BYTES {
            self.sink.send(rows.take()).await?;
        }
        Ok(())
    }

    /// Puts the end of the COPY into the pipeline, so that the next statement does not wait for it.
    async fn end(
        mut self,
        mut rows: CopyRows,
        pipeline: &mut Pipeline<'_>,
    ) -> Result<(), StoreError> {
        rows.end();
        self.sink.send(rows.take()).await?;
        pipeline.send(async move { Ok(self.sink.as_mut().finish().await?) }).await;
        Ok(())
    }
}

/// Records that are being appended. Each has a number, by which [`finish`](Self::finish) gets the
/// narrow ones again.
pub(crate) struct Append<'t> {
    tx: &'t Tx,
    statements: &'t AppendStatements,
    types: TypeIds,
    packer: Packer,
    packed: CopyRows,
    running: Option<RunningCopy>,
    /// The numbers of the records that do not fill a packed row.
    narrow: Vec<usize>,
}

/// What was appended.
#[derive(Default)]
pub(crate) struct Appended {
    /// The types that have no number.
    pub unknown: UnknownTypes,
    /// The number of answers in the pipeline.
    pub answers: usize,
}

impl<'t> Append<'t> {
    /// The statement for narrow rows. The column `arrived_at` is missing in it, because the
    /// database sets it.
    pub(crate) const NARROW: &'static str = include_str!("sql/copy_events.sql");
    /// The statement for packed rows, without `arrived_at` for the same reason.
    pub(crate) const PACKED: &'static str = include_str!("sql/copy_packed_events.sql");

    pub(crate) fn new(tx: &'t Tx, statements: &'t AppendStatements, types: TypeIds) -> Self {
        Self {
            tx,
            statements,
            types,
            packer: Packer::default(),
            packed: CopyRows::new(CHUNK_BYTES + CHUNK_BYTES / 4),
            running: None,
            narrow: Vec::new(),
        }
    }

    /// Appends a record. The records of a partition come in the order of their offsets, and before
    /// those of the next partition.
    pub(crate) async fn push(
        &mut self,
        number: usize,
        row: &AppendRow<'_>,
    ) -> Result<(), StoreError> {
        let Some(statement) = &self.statements.packed else {
            self.narrow.push(number);
            return Ok(());
        };
        let derived = Derived::of(row, &mut self.types);
        let before = self.packer.rows;
        self.packer.push(number, row, &derived, &mut self.packed, &mut self.narrow);
        if self.packer.rows > before {
            self.running(statement).await?;
        }
        Ok(())
    }

    /// Sends a chunk of packed rows. The COPY begins with the first packed row.
    async fn running(&mut self, statement: &Statement) -> Result<(), StoreError> {
        if self.running.is_none() {
            self.running = Some(RunningCopy::begin(self.tx, statement).await?);
        }
        if let Some(running) = &mut self.running {
            running.send_chunk(&mut self.packed).await?;
        }
        Ok(())
    }

    /// Ends the packed rows, and copies the other records as narrow rows. `record` returns the
    /// record of a number.
    pub(crate) async fn finish<'r>(
        mut self,
        record: impl Fn(usize) -> AppendRow<'r>,
        pipeline: &mut Pipeline<'_>,
    ) -> Result<Appended, StoreError> {
        self.packer.close_all(&mut self.packed, &mut self.narrow);
        let mut answers = 0;
        if let (true, Some(statement)) = (self.packer.rows > 0, &self.statements.packed) {
            self.running(statement).await?;
        }
        if let Some(running) = self.running {
            running.end(self.packed, pipeline).await?;
            answers += 1;
        }
        if !self.narrow.is_empty() {
            self.narrow.sort_unstable();
            let mut running = RunningCopy::begin(self.tx, &self.statements.narrow).await?;
            let mut rows = CopyRows::new(CHUNK_BYTES + CHUNK_BYTES / 4);
            for number in self.narrow {
                let row = record(number);
                push_narrow(&mut rows, &row, &Derived::of(&row, &mut self.types));
                running.send_chunk(&mut rows).await?;
            }
            running.end(rows, pipeline).await?;
            answers += 1;
        }
        Ok(Appended { unknown: self.types.into_unknown(), answers })
    }
}

fn push_narrow(rows: &mut CopyRows, row: &AppendRow<'_>, derived: &Derived<'_>) {
    let AppendRow { stream, record, skipped, payload, raw, .. } = row;
    let (event_type, version) = if derived.type_id.is_none() {
        (derived.event_type, derived.version)
    } else {
        (None, None)
    };

    rows.row(COLUMNS);
    rows.int8(record.offset);
    rows.instant(derived.event_time);
    rows.maybe_int8(derived.timestamp_ms);
    rows.int4(*stream);
    rows.int4(record.partition);
    rows.maybe_int4(derived.type_id);
    rows.bytes(Some(&record.checksum.to_be_bytes()));
    rows.bool(derived.key_is_entity);
    rows.bytes(skipped.map(str::as_bytes));
    rows.bytes(derived.key);
    rows.bytes(derived.headers.as_deref().map(str::as_bytes));
    rows.bytes(derived.entity.map(str::as_bytes));
    rows.bytes(event_type.map(str::as_bytes));
    rows.bytes(version.map(str::as_bytes));
    rows.bytes(payload.map(str::as_bytes));
    rows.bytes(*raw);
    rows.bytes(derived.problems.map(str::as_bytes));
}
