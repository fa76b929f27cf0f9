//! Compares settled records with the stored checksums at their coordinates, if a row still exists.
//! Equal coordinates with different bytes mean that the topic was recreated.
//!
//! Where retention dropped the row, the record's timestamp must be one that a dropped record can
//! have.

use std::ops::RangeInclusive;

use tokio_postgres::{Row, Statement};
use weir_model::KafkaBatch;

use super::partition_work::PartitionWork;
use crate::{StoreError, Tx};

pub(super) async fn verify_checksums(
    tx: &Tx,
    statement: &Statement,
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
    let delivered: Vec<u128> = batch.coordinates().map(|(_, _, _, checksum)| checksum).collect();
    for row in
        &tx.client().query(statement, &[&numbers, &streams, &partitions, &firsts, &lasts]).await?
    {
        let w = &work[usize::try_from(row.try_get::<_, i32>("n")?).unwrap_or_default()];
        let (offsets, checksums): (Vec<i64>, &[u8]) =
            (row.try_get("offsets")?, row.try_get("checksums")?);
        let contradicts = |offset: i64, stored: &[u8]| {
            // Rows without a record in the batch, and records without a row, are not compared.
            let delivered_at =
                w.offsets.binary_search(&offset).ok().filter(|index| !w.settlement.new[*index]);
            delivered_at
                .is_some_and(|index| delivered[w.first_record + index].to_be_bytes() != stored)
        };
        let stored = offsets.iter().copied().zip(checksums.chunks_exact(16));
        let other = stored.filter(|(offset, stored)| contradicts(*offset, stored)).min();
        let other = other.map(|(offset, _)| offset);
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
