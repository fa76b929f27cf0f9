//! Begins the transaction, locks the partitions of a batch, then reads their settled offsets.

use tokio_postgres::{Client, Row, types::ToSql};
use weir_model::Micros;

use super::{Contradiction, batch_statements::BatchStatements, partition_work::PartitionWork};
use crate::{StoreError, offset_rule::PartitionState};

/// Locks all partitions and returns the start of the transaction, by the database's clock. `work`
/// then contains their states.
///
/// Returns `None` when a partition is unknown; the transaction is rolled back then.
///
/// Two statements are necessary: a statement that locks and reads sees the rows from before its
/// wait.
pub(super) async fn lock_partitions(
    client: &Client,
    statements: &BatchStatements,
    group_id: &str,
    work: &mut [PartitionWork<'_>],
) -> Result<Option<Micros>, StoreError> {
    let topics: Vec<&str> = work.iter().map(|w| w.topic).collect();
    let partitions: Vec<i32> = work.iter().map(|w| w.partition).collect();
    let firsts: Vec<i64> = work.iter().map(|w| w.read.start).collect();
    let lasts: Vec<i64> = work.iter().map(|w| w.read.end - 1).collect();
    let params: [&(dyn ToSql + Sync); 5] = [&group_id, &topics, &partitions, &firsts, &lasts];
    // The lock statement makes the transaction durable, too. The three statements are sent in this
    // order without waiting; the server runs each one after the previous one.
    let (begun, locked, read) = tokio::join!(
        biased;
        client.batch_execute("BEGIN"),
        client.query(&statements.lock, &params[..3]),
        client.query(&statements.read, &params),
    );
    begun?;
    let (locked, read) = (locked?, read?);
    if locked.len() != work.len() {
        client.batch_execute("ROLLBACK").await?;
        return Ok(None);
    }
    // The locked streams must still be current: a reset may have happened in between.
    if read.len() != work.len() {
        return Err(StoreError::StreamChanged);
    }
    for row in &locked {
        find(work, row)?.stream = row.try_get("stream")?;
    }
    let mut begun_at = None;
    for row in &read {
        begun_at = Some(row.try_get("begun_at")?);
        let partition = find(work, row)?;
        if row.try_get::<_, i32>("stream")? != partition.stream {
            return Err(StoreError::StreamChanged);
        }
        let (starts, ends): (Vec<i64>, Vec<i64>) =
            (row.try_get("gap_starts")?, row.try_get("gap_ends")?);
        let gaps = starts.into_iter().zip(ends).map(|(start, end)| start..end).collect();
        partition.contradiction = contradiction(row, partition)?;
        partition.begin_offset = row.try_get("begin_offset")?;
        partition.settle(PartitionState { next_offset: row.try_get("next_offset")?, gaps });
    }
    Ok(begun_at)
}

/// Returns the stored contradiction of the partition of the row.
fn contradiction(row: &Row, of: &PartitionWork<'_>) -> Result<Option<Contradiction>, StoreError> {
    let Some(what) = row.try_get("other_what")? else { return Ok(None) };
    Ok(Some(Contradiction {
        topic: of.topic.to_owned(),
        partition: of.partition,
        first: row.try_get("other_first")?,
        end: row.try_get("other_end")?,
        what,
    }))
}

/// Returns the partition of the row.
fn find<'w, 'b>(
    work: &'w mut [PartitionWork<'b>],
    row: &Row,
) -> Result<&'w mut PartitionWork<'b>, StoreError> {
    let key: (&str, i32) = (row.try_get("topic")?, row.try_get("partition")?);
    let index = work.binary_search_by(|w| (w.topic, w.partition).cmp(&key));
    index.map(|index| &mut work[index]).map_err(|_| StoreError::StreamChanged)
}
