//! Appends the new records of a batch to the log.

use futures_util::SinkExt;
use tokio_postgres::{CopyInSink, Statement};
use weir_model::Outcome;

use super::{Decoded, DecodedRecord};
use crate::{
    StoreError, Tx,
    log::{Append, AppendRow},
    pipeline::Pipeline,
};

/// Records that are decoded between two chunks.
const CHUNK_RECORDS: usize = 100;

/// Appends the chosen records.
pub(super) async fn append(
    tx: &Tx,
    statement: &Statement,
    decoded: &Decoded<'_>,
    chosen: &[usize],
    pipeline: &mut Pipeline<'_>,
) -> Result<(), StoreError> {
    let mut appending = Append::begin(tx, statement).await?;
    for n in chosen {
        appending.push(&row(&decoded.items()[*n])).await?;
    }
    appending.finish(pipeline).await
}

/// Appends all records, and decodes the remaining ones in between, so that the server writes during
/// decoding.
pub(super) async fn decode_and_append(
    tx: &Tx,
    statement: &Statement,
    decoded: &mut Decoded<'_>,
    pipeline: &mut Pipeline<'_>,
) -> Result<(), StoreError> {
    let mut appending = Append::begin(tx, statement).await?;
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
