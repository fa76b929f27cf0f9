//! Writes the record of a failure as ingest would have written it.

use super::{Decoded, Refusal, Writer, append::CopyLog, bisect, days, dedupe};
use crate::{
    StoreError, Tx,
    event_types::EventTypes,
    log::{Append, AppendStatements},
};

/// Writes the records, usually one, to the log, their projections, plugins and days.
///
/// If a record is refused, returns the reason and writes nothing. Transient errors are returned at
/// once.
pub(crate) async fn retry_record<'d>(
    writer: &Writer,
    tx: &Tx,
    decoded: &'d mut Decoded<'_>,
) -> Result<Option<Refusal<'d>>, StoreError> {
    let copy = CopyLog {
        statements: AppendStatements {
            narrow: tx.client().prepare_typed(Append::NARROW, &[]).await?,
            packed: None,
        },
        types: EventTypes::read(tx.client()).await?,
    };
    // The savepoint includes the claim, so that a record that is refused again does not claim its
    // content.
    tx.batch("SAVEPOINT retry").await?;
    dedupe::release(tx, decoded).await?;
    dedupe::claim(tx, decoded).await?;
    let decoded = &*decoded;
    let (_, refused) = bisect::write(writer, tx, &copy, decoded).await?;
    if let Some(refusal) = decoded.rejections().chain(refused).next() {
        tx.batch("ROLLBACK TO SAVEPOINT retry; RELEASE SAVEPOINT retry").await?;
        return Ok(Some(refusal));
    }
    days::mark(tx, None, &decoded.days(), true).await?;
    tx.batch("RELEASE SAVEPOINT retry").await?;
    Ok(None)
}
