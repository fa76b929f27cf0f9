//! A record that is a failure, written as ingest would have written it.

use super::{Decoded, Refusal, Writer, days, dedupe, halves, log};
use crate::{StoreError, Tx};

/// Writes the records, one as a rule, to the log, their projections, plugins and days. When one is refused, gives why,
/// and nothing of them is written. Passing errors end it.
pub(crate) async fn write_again<'d>(writer: &Writer, tx: &Tx, decoded: &'d mut Decoded<'_>) -> Result<Option<Refusal<'d>>, StoreError> {
    let copy = tx.client().prepare_typed(log::COPY_SQL, &[]).await?;
    // Around the claim too: a record that is refused once more has claimed no content by that.
    tx.batch("SAVEPOINT again").await?;
    dedupe::release(tx, writer, decoded).await?;
    dedupe::claim(tx, writer, decoded).await?;
    let decoded = &*decoded;
    let (_, refused) = halves::write(writer, tx, &copy, decoded).await?;
    if let Some(refusal) = decoded.rejections().chain(refused).next() {
        tx.batch("ROLLBACK TO SAVEPOINT again; RELEASE SAVEPOINT again").await?;
        return Ok(Some(refusal));
    }
    days::mark(tx, None, &decoded.days(), true).await?;
    tx.batch("RELEASE SAVEPOINT again").await?;
    Ok(None)
}
