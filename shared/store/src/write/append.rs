//! Appends the new records of a batch to the log.

use std::sync::Arc;

use futures_util::SinkExt;
use tokio_postgres::{CopyInSink, Statement};
use weir_model::Outcome;

use super::{Decoded, DecodedRecord};
use crate::{
    StoreError, Tx,
    event_types::{EventTypes, TypeIds, UnknownTypes},
    log::{Append, AppendRow},
    pipeline::Pipeline,
    store::BorrowedConnection,
};

/// Records that are decoded between two chunks.
const CHUNK_RECORDS: usize = 100;

/// The statement that copies into the log, and the numbers of types.
pub(super) struct CopyLog {
    pub statement: Statement,
    pub types: Arc<EventTypes>,
}

impl CopyLog {
    pub(super) async fn of(connection: &mut BorrowedConnection<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            statement: connection.prepared(Append::SQL, &[]).await?,
            types: connection.event_types().await?,
        })
    }

    async fn begin(&self, tx: &Tx) -> Result<Append, StoreError> {
        Append::begin(tx, &self.statement, TypeIds::new(self.types.clone())).await
    }
}

/// Appends the chosen records. Returns the types that have no number.
pub(super) async fn append(
    tx: &Tx,
    copy: &CopyLog,
    decoded: &Decoded<'_>,
    chosen: &[usize],
    pipeline: &mut Pipeline<'_>,
) -> Result<UnknownTypes, StoreError> {
    let mut appending = copy.begin(tx).await?;
    for n in chosen {
        appending.push(&row(&decoded.items()[*n])).await?;
    }
    appending.finish(pipeline).await
}

/// Appends all records, and decodes the remaining ones in between, so that the server writes during
/// decoding. Returns the types that have no number.
pub(super) async fn decode_and_append(
    tx: &Tx,
    copy: &CopyLog,
    decoded: &mut Decoded<'_>,
    pipeline: &mut Pipeline<'_>,
) -> Result<UnknownTypes, StoreError> {
    let mut appending = copy.begin(tx).await?;
    let mut next = 0..decoded.items().len();
    if next.is_empty() {
        next = decoded.decode(CHUNK_RECORDS);
    }
    while !next.is_empty() {
        for item in decoded.items()[next].iter().filter(|item| item.is_stored()) {
            appending.push(&row(item)).await?;
        }
        next = decoded.decode(CHUNK_RECORDS);
    }
    appending.finish(pipeline).await
}

/// Copies encoded rows into a projection.
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

fn row<'i>(item: &'i DecodedRecord<'_>) -> AppendRow<'i> {
    let (payload, raw) = item.body();
    let skipped = match &item.outcome {
        Outcome::Skip(reason) => Some(reason.as_ref()),
        _ => None,
    };
    AppendRow {
        stream: item.stream,
        record: item.record,
        skipped,
        event: item.event(),
        payload,
        raw,
    }
}
