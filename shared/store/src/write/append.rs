//! Appends the new records of a batch to the log.

use std::sync::Arc;

use futures_util::SinkExt;
use tokio_postgres::{CopyInSink, Statement};
use weir_model::Outcome;

use super::{Decoded, DecodedRecord};
use crate::{
    StoreError, Tx,
    event_types::{EventTypes, TypeIds},
    log::{Append, AppendRow, AppendStatements, Appended},
    pipeline::Pipeline,
    store::BorrowedConnection,
};

/// Records that are decoded between two chunks.
const CHUNK_RECORDS: usize = 100;

/// The statements that copy into the log, and the numbers of types.
pub(super) struct CopyLog {
    pub statements: AppendStatements,
    pub types: Arc<EventTypes>,
}

impl CopyLog {
    pub(super) async fn of(connection: &mut BorrowedConnection<'_>) -> Result<Self, StoreError> {
        let statements = AppendStatements {
            narrow: connection.prepared(Append::NARROW, &[]).await?,
            packed: Some(connection.prepared(Append::PACKED, &[]).await?),
        };
        Ok(Self { statements, types: connection.event_types().await? })
    }

    fn append<'t>(&'t self, tx: &'t Tx) -> Append<'t> {
        Append::new(tx, &self.statements, TypeIds::new(self.types.clone()))
    }
}

/// Appends the chosen records.
pub(super) async fn append(
    tx: &Tx,
    copy: &CopyLog,
    decoded: &Decoded<'_>,
    chosen: &[usize],
    pipeline: &mut Pipeline<'_>,
) -> Result<Appended, StoreError> {
    let items = decoded.items();
    let mut appending = copy.append(tx);
    for n in chosen {
        appending.push(*n, &row(&items[*n])).await?;
    }
    appending.finish(|n| row(&items[n]), pipeline).await
}

/// Appends all records, and decodes the remaining ones in between, so that the server writes during
/// decoding.
pub(super) async fn decode_and_append(
    tx: &Tx,
    copy: &CopyLog,
    decoded: &mut Decoded<'_>,
    pipeline: &mut Pipeline<'_>,
) -> Result<Appended, StoreError> {
    let mut appending = copy.append(tx);
    let mut next = 0..decoded.items().len();
    if next.is_empty() {
        next = decoded.decode(CHUNK_RECORDS);
    }
    while !next.is_empty() {
        for n in next {
            let item = &decoded.items()[n];
            if item.is_stored() {
                appending.push(n, &row(item)).await?;
            }
        }
        next = decoded.decode(CHUNK_RECORDS);
    }
    let items = decoded.items();
    appending.finish(|n| row(&items[n]), pipeline).await
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
