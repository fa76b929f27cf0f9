//! Writes everything at once: log, projections, settled offsets, changed days and `COMMIT`,
//! pipelined.

use super::{
    Decoded, Writer,
    append::{self, CopyLog},
    batch_statements::BatchStatements,
    days,
    decoded::ProjectionWrite,
    failures,
    partition_work::PartitionWork,
    save_progress,
};
use crate::{
    StoreError, Tx, event_types::UnknownTypes, log::Appended, pipeline::Pipeline,
    store::BorrowedConnection,
};

/// Writes the decoded records and commits. Returns the number of rows for which a projection had
/// newer ones, and the types that have no number.
///
/// With `copy_new_keys`, projections that support it are copied instead of upserted. Without
/// plugins only the last answer is waited for. The statements of a plugin wait for each other, so
/// `COMMIT` is sent after them.
pub(super) async fn write(
    writer: &Writer,
    tx: &Tx,
    connection: &mut BorrowedConnection<'_>,
    decoded: &mut Decoded<'_>,
    work: &[PartitionWork<'_>],
    statements: &BatchStatements,
    copy_new_keys: bool,
) -> Result<(usize, UnknownTypes), StoreError> {
    // Declared before the pipeline, which borrows them.
    let (projections, changed, logged);
    let mut pipeline = Pipeline::default();
    let mut appended = Appended::default();
    if !decoded.is_empty() {
        let copy = CopyLog::of(connection).await?;
        appended = match append::decode_and_append(tx, &copy, decoded, &mut pipeline).await {
            Ok(appended) => appended,
            // If an earlier statement failed, its error is the cause.
            Err(error) => return Err(pipeline.finish().await.err().unwrap_or(error)),
        };
    }
    let decoded = &*decoded;
    let everything: Vec<usize> = decoded.stored().collect();
    // Sorting happens here, while the server is still busy with the log.
    projections = decoded.projections(&everything, copy_new_keys);
    for projection in &projections {
        match projection {
            ProjectionWrite::Upsert(statement) => {
                pipeline.send(async { Ok(tx.run(statement).await?) }).await;
            }
            ProjectionWrite::CopyNewKeys(copy) => {
                if let Err(error) = copy_projection(tx, connection, copy, &mut pipeline).await {
                    // If an earlier statement failed, its error is the cause.
                    return Err(pipeline.finish().await.err().unwrap_or(error));
                }
            }
        }
    }
    let rejections: Vec<_> = decoded.rejections().collect();
    if !rejections.is_empty() {
        pipeline.send(async { failures::insert(tx, rejections).await }).await;
    }
    // One future for each request, because the pipeline does not wait for a second statement in a
    // future.
    pipeline.send(async { save_progress::close_gaps(tx, work).await }).await;
    pipeline.send(async { save_progress::open_gaps(tx, work).await }).await;
    pipeline.send(async { save_progress::advance(tx, &statements.advance, work).await }).await;
    changed = decoded.days();
    logged = !everything.is_empty();
    if logged || !changed.is_empty() {
        pipeline
            .send(async { days::mark(tx, Some(&statements.mark_days), &changed, logged).await })
            .await;
    }
    let answers = if writer.plugins.is_empty() {
        pipeline.send(async { Ok(tx.batch("COMMIT").await.map(|()| 0)?) }).await;
        pipeline.finish().await?
    } else {
        let answers = pipeline.finish().await?;
        writer.apply_plugins(tx, decoded, &everything).await?;
        tx.batch("COMMIT").await?;
        answers
    };
    let answers = answers.into_iter().skip(appended.answers);
    let stale = projections
        .iter()
        .zip(answers)
        .map(|(projection, written)| projection.stale(written))
        .sum();
    Ok((stale, appended.unknown))
}

async fn copy_projection(
    tx: &Tx,
    connection: &mut BorrowedConnection<'_>,
    copy: &weir_model::Copy,
    pipeline: &mut Pipeline<'_>,
) -> Result<(), StoreError> {
    let statement = connection.prepared(copy.sql, &[]).await?;
    append::copy_ready(tx, &statement, copy.data.clone(), pipeline).await
}
