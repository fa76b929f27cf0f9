//! A settled record is compared with what is stored at its coordinates, where a row still exists: equal
//! coordinates with other bytes mean that the topic was made anew.

use tokio_postgres::Statement;
use weir_model::KafkaBatch;

use super::lock::{Locked, Settled};
use crate::{StoreError, Tx};

pub(super) async fn settled_records(
    tx: &Tx,
    statement: &Statement,
    batch: &KafkaBatch,
    partitions: &[Locked],
    settlements: &[Settled],
) -> Result<(), StoreError> {
    let coordinates: Vec<(&str, i32, i64, u128)> = batch.coordinates().collect();
    let (mut numbers, mut streams, mut ids, mut firsts, mut lasts) = (vec![], vec![], vec![], vec![], vec![]);
    for (n, (settled, locked)) in (0_i32..).zip(settlements.iter().zip(partitions)) {
        let new = &settled.settlement.new;
        let (Some(first), Some(last)) = (new.iter().position(|new| !new), new.iter().rposition(|new| !new)) else { continue };
        numbers.push(n);
        streams.push(locked.stream);
        ids.push(settled.partition);
        firsts.push(coordinates[settled.first_record + first].2);
        lasts.push(coordinates[settled.first_record + last].2);
    }
    if numbers.is_empty() {
        return Ok(());
    }
    let rows = tx.client().query(statement, &[&numbers, &streams, &ids, &firsts, &lasts]).await?;
    for row in &rows {
        let settled = &settlements[usize::try_from(row.try_get::<_, i32>(0)?).unwrap_or_default()];
        let offsets: Vec<i64> = row.try_get(1)?;
        let checksums: &[u8] = row.try_get(2)?;
        let records = &coordinates[settled.first_record..settled.first_record + settled.settlement.new.len()];
        let mut records = records.iter().zip(&settled.settlement.new).peekable();
        let mut stored: Vec<(i64, &[u8])> = offsets.into_iter().zip(checksums.chunks_exact(16)).collect();
        stored.sort_unstable_by_key(|(offset, _)| *offset);
        for (offset, stored) in stored {
            // Both ascend. A row whose record is not in the batch, and a record without a row, are passed over.
            while records.next_if(|((_, _, o, _), _)| *o < offset).is_some() {}
            if let Some(((topic, partition, _, checksum), new)) = records.next_if(|((_, _, o, _), _)| *o == offset)
                && !new
                && checksum.to_be_bytes() != stored
            {
                return Err(StoreError::Contradiction { topic: (*topic).to_owned(), partition: *partition, offset });
            }
        }
    }
    Ok(())
}
