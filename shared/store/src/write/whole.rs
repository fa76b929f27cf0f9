//! Everything at once: log, projections, what is settled, changed days and `COMMIT`, pipelined.

use std::sync::OnceLock;

use super::{Decoded, Writer, days, decoded::Projection, failures, lock, log};
use crate::{StoreError, Tx, pipeline::Pipeline, store::Loan};

/// Writes the decoded records and commits; gives the number of rows for which a projection had newer ones. With
/// `fresh`, projections that can are copied instead of upserted.
///
/// Without plugins nothing is waited for but the last answer; a plugin's own statements wait for each other, so
/// `COMMIT` then follows them.
pub(super) async fn write(
    writer: &Writer,
    tx: &Tx,
    loan: &mut Loan<'_>,
    decoded: &mut Decoded<'_>,
    settlements: &[lock::Settled],
    statements: &lock::Statements,
    fresh: bool,
) -> Result<usize, StoreError> {
    let (projections, changed, logged) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
    let mut pipeline = Pipeline::default();
    let copied = !decoded.is_empty();
    if copied {
        let statement = loan.prepared(log::COPY_SQL, &[]).await?;
        log::decode_and_copy(tx, &statement, decoded, &mut pipeline).await?;
    }
    let decoded = &*decoded;
    let everything: Vec<usize> = decoded.stored().collect();
    // Sorted only now: the server is still busy with the log.
    let projections = projections.get_or_init(|| decoded.projections(&everything, fresh));
    for projection in projections {
        match projection {
            Projection::Upsert(statement) => pipeline.send(async { Ok(tx.run(statement).await?) }).await,
            Projection::Fresh(copy) => {
                if let Err(error) = copy_fresh(tx, loan, copy, &mut pipeline).await {
                    // When something before it failed, that is what counts.
                    return Err(pipeline.finish().await.err().unwrap_or(error));
                }
            }
        }
    }
    let rejections: Vec<_> = decoded.rejections().collect();
    if !rejections.is_empty() {
        pipeline.send(async { failures::insert(tx, rejections).await }).await;
    }
    // One request each: what is sent next does not wait for a second statement of a request.
    pipeline.send(async { lock::close_gaps(tx, settlements).await }).await;
    pipeline.send(async { lock::open_gaps(tx, settlements).await }).await;
    pipeline.send(async { lock::move_on(tx, &statements.move_on, settlements).await }).await;
    let changed = changed.get_or_init(|| decoded.days());
    let logged = logged.get_or_init(|| !everything.is_empty());
    if *logged || !changed.is_empty() {
        pipeline.send(async { days::mark(tx, Some(&statements.mark_days), changed, *logged).await }).await;
    }
    let answers = if writer.plugins.is_empty() {
        pipeline.send(async { tx.batch("COMMIT").await.map(|()| 0) }).await;
        pipeline.finish().await?
    } else {
        let answers = pipeline.finish().await?;
        writer.apply_plugins(tx, decoded, &everything).await?;
        tx.batch("COMMIT").await?;
        answers
    };
    let answers = answers.into_iter().skip(usize::from(copied));
    Ok(projections.iter().zip(answers).map(|(projection, written)| projection.stale(written)).sum())
}

async fn copy_fresh(tx: &Tx, loan: &mut Loan<'_>, copy: &weir_model::Copy, pipeline: &mut Pipeline<'_>) -> Result<(), StoreError> {
    let statement = loan.prepared(copy.sql, &[]).await?;
    log::copy_ready(tx, &statement, copy.data.clone(), pipeline).await
}
