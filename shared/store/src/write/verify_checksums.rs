//! Compares settled records with the stored checksums at their coordinates, if a row still exists.
//! Equal coordinates with different bytes mean that the topic was recreated.

use tokio_postgres::Statement;
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
        let stored = offsets.into_iter().zip(checksums.chunks_exact(16));
        if let Some((offset, _)) =
            stored.filter(|(offset, stored)| contradicts(*offset, stored)).min()
        {
            return Err(StoreError::Contradiction {
                topic: w.topic.to_owned(),
                partition: w.partition,
                offset,
            });
        }
    }
    Ok(())
}
