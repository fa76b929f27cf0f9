//! Stores the settled offsets after a batch: `stream_gaps` and `stream_partitions.next_offset`.
//! Three statements in this order, each in a function, because each is one request in a pipeline.

use tokio_postgres::{Statement, types::Type};

use super::partition_work::PartitionWork;
use crate::{StoreError, Tx, tx::TypedParam};

/// Runs all three statements.
pub(super) async fn save_progress(
    tx: &Tx,
    advance_statement: &Statement,
    work: &[PartitionWork<'_>],
) -> Result<(), StoreError> {
    close_gaps(tx, work).await?;
    open_gaps(tx, work).await?;
    advance(tx, advance_statement, work).await?;
    Ok(())
}

/// First statement: deletes the gaps that the batch changes.
pub(super) async fn close_gaps(tx: &Tx, work: &[PartitionWork<'_>]) -> Result<u64, StoreError> {
    let (mut streams, mut partitions, mut firsts) = (vec![], vec![], vec![]);
    for (w, first) in
        work.iter().flat_map(|w| w.settlement.closed.iter().map(move |first| (w, *first)))
    {
        streams.push(w.stream);
        partitions.push(w.partition);
        firsts.push(first);
    }
    if streams.is_empty() {
        return Ok(0);
    }
    let params: [TypedParam<'_>; 3] = [
        (&streams, Type::INT4_ARRAY),
        (&partitions, Type::INT4_ARRAY),
        (&firsts, Type::INT8_ARRAY),
    ];
    Ok(tx.execute(include_str!("../sql/close_gaps.sql"), &params).await?)
}

/// Second statement: inserts the remaining parts of these gaps, and new ones.
pub(super) async fn open_gaps(tx: &Tx, work: &[PartitionWork<'_>]) -> Result<u64, StoreError> {
    let (mut streams, mut partitions, mut firsts, mut ends) = (vec![], vec![], vec![], vec![]);
    for (w, gap) in work.iter().flat_map(|w| w.settlement.opened.iter().map(move |gap| (w, gap))) {
        streams.push(w.stream);
        partitions.push(w.partition);
        firsts.push(gap.start);
        ends.push(gap.end);
    }
    if streams.is_empty() {
        return Ok(0);
    }
    let params: [TypedParam<'_>; 4] = [
        (&streams, Type::INT4_ARRAY),
        (&partitions, Type::INT4_ARRAY),
        (&firsts, Type::INT8_ARRAY),
        (&ends, Type::INT8_ARRAY),
    ];
    Ok(tx.execute(include_str!("../sql/open_gaps.sql"), &params).await?)
}

/// Third statement: updates `next_offset`.
pub(super) async fn advance(
    tx: &Tx,
    statement: &Statement,
    work: &[PartitionWork<'_>],
) -> Result<u64, StoreError> {
    let (mut streams, mut partitions, mut nexts) = (vec![], vec![], vec![]);
    for w in work.iter().filter(|w| w.settlement.next_offset != w.before.next_offset) {
        streams.push(w.stream);
        partitions.push(w.partition);
        nexts.push(w.settlement.next_offset);
    }
    if streams.is_empty() {
        return Ok(0);
    }
    Ok(tx.client().execute(statement, &[&streams, &partitions, &nexts]).await?)
}
