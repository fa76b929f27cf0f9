//! Compares settled records with the stored checksums at their coordinates, if a row still exists.
//! Equal coordinates with different bytes mean that the topic was recreated.
//!
//! Where retention dropped the row, the record's timestamp must be one that a dropped record can
//! have.

use std::ops::RangeInclusive;

use tokio::join;
use tokio_postgres::{Row, Statement, types::ToSql};
use weir_model::KafkaBatch;

use super::partition_work::PartitionWork;
use crate::{StoreError, Tx};

/// The statement reads by keys, so one plan serves all batches. Without these settings it is
/// planned for each batch, which takes as long as reading 1,000 checksums. The plan is kept while
/// an empty month fills, so it must not scan that month.
const ONE_PLAN: &str =
    "SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL enable_seqscan = off";
const PLANS_AGAIN: &str =
    "SET LOCAL plan_cache_mode TO DEFAULT; SET LOCAL enable_seqscan TO DEFAULT";

pub(super) async fn verify_checksums(
    tx: &Tx,
    statement: &Statement,
    pooled: bool,
    batch: &KafkaBatch,
    work: &[PartitionWork<'_>],
) -> Result<(), StoreError> {
    let (mut numbers, mut streams, mut partitions, mut firsts, mut lasts) =
        (vec![], vec![], vec![], vec![], vec![]);
    for (n, w) in (0_i32..).zip(work) {
        let Some((first, last)) = w.settled_before() else { continue };
        numbers.push(n);
        streams.push(w.stream);
        partitions.push(w.partition);
        firsts.push(first);
        lasts.push(last);
    }
    if numbers.is_empty() {
        return Ok(());
    }
    let params: [&(dyn ToSql + Sync); 5] = [&numbers, &streams, &partitions, &firsts, &lasts];
    let query = tx.client().query(statement, &params);
    let rows = if pooled {
        // Another transaction has another connection, and the plan would not be used again.
        query.await?
    } else {
        let (before, rows, after) = join!(biased; tx.batch(ONE_PLAN), query, tx.batch(PLANS_AGAIN));
        before?;
        let rows = rows?;
        after?;
        rows
    };
    for row in &rows {
        let w = &work[usize::try_from(row.try_get::<_, i32>("n")?).unwrap_or_default()];
        let (offsets, checksums): (Vec<i64>, &[u8]) =
            (row.try_get("offsets")?, row.try_get("checksums")?);
        let stored = offsets.iter().copied().zip(checksums.chunks_exact(16));
        // An index returns them in this order, unless a partition has rows in several months.
        let other = if offsets.is_sorted() {
            first_contradiction(batch, w, stored)
        } else {
            let mut stored: Vec<_> = stored.collect();
            stored.sort_unstable_by_key(|(offset, _)| *offset);
            first_contradiction(batch, w, stored)
        };
        let never_stored = never_stored(batch, w, offsets, &Removal::all(row)?);
        if let Some(offset) = other.into_iter().chain(never_stored).min() {
            return Err(StoreError::Contradiction {
                topic: w.topic.to_owned(),
                partition: w.partition,
                offset,
            });
        }
    }
    Ok(())
}

/// Returns the first settled offset whose delivered checksum is not the stored one. `stored`
/// ascends by the offset.
fn first_contradiction<'c>(
    batch: &KafkaBatch,
    w: &PartitionWork<'_>,
    stored: impl IntoIterator<Item = (i64, &'c [u8])>,
) -> Option<i64> {
    let delivered = batch.coordinates().skip(w.first_record);
    let mut records = w.settlement.new.iter().zip(delivered).peekable();
    let contradicts = |(offset, stored): &(i64, &[u8])| {
        // Rows without a record in the batch, and records without a row, are not compared.
        while records.next_if(|(_, (_, _, record, _))| record < offset).is_some() {}
        records.peek().is_some_and(|(new, (_, _, record, checksum))| {
            record == offset && !**new && checksum.to_be_bytes() != **stored
        })
    };
    stored.into_iter().find(contradicts).map(|(offset, _)| offset)
}

/// The records of a partition that retention dropped with one month.
struct Removal {
    offsets: RangeInclusive<i64>,
    timestamps: RangeInclusive<i64>,
}

impl Removal {
    fn all(row: &Row) -> Result<Vec<Self>, StoreError> {
        let ranges = |firsts: &str, lasts: &str| {
            let (firsts, lasts): (Vec<i64>, Vec<i64>) = (row.try_get(firsts)?, row.try_get(lasts)?);
            Ok::<_, StoreError>(firsts.into_iter().zip(lasts).map(|(first, last)| first..=last))
        };
        let offsets = ranges("first_offsets", "last_offsets")?;
        let timestamps = ranges("first_timestamps", "last_timestamps")?;
        let both = offsets.zip(timestamps);
        Ok(both.map(|(offsets, timestamps)| Self { offsets, timestamps }).collect())
    }
}

/// Returns the first settled record without a row that is not one of the dropped records: its
/// offset is among theirs, its timestamp is not.
fn never_stored(
    batch: &KafkaBatch,
    w: &PartitionWork<'_>,
    mut stored: Vec<i64>,
    removals: &[Removal],
) -> Option<i64> {
    if removals.is_empty() {
        return None;
    }
    stored.sort_unstable();
    let settled = w.offsets.iter().enumerate().filter(|(index, _)| !w.settlement.new[*index]);
    let mut without_row = settled.filter(|(_, offset)| stored.binary_search(offset).is_err());
    let found = without_row.find(|(index, offset)| {
        let timestamp = batch.timestamp_ms(w.first_record + index);
        let mut of_offset = removals.iter().filter(|r| r.offsets.contains(offset)).peekable();
        of_offset.peek().is_some() && of_offset.all(|r| !r.timestamps.contains(&timestamp))
    });
    found.map(|(_, offset)| *offset)
}
