//! `--dedupe`: records with equal key and value are stored as an event once per consumer group,
//! also inside a batch and under concurrency.

use std::collections::HashSet;

use sha2::{Digest, Sha256};
use tokio_postgres::types::Type;

use super::Decoded;
use crate::{StoreError, Tx, tx::TypedParam};

/// The reason in the log.
const REASON: &str = "event_already_consumed: a record with an equal key and value is already \
    stored";

/// Claims the contents of the new events of topics with --dedupe.
///
/// Events whose content is already claimed become skips; returns their number. If another
/// transaction has claimed the same content, this function waits for its end.
pub(super) async fn claim(tx: &Tx, decoded: &mut Decoded<'_>) -> Result<usize, StoreError> {
    let topics = &decoded.writer().topics;
    if !topics.iter().any(|(topic, _)| topics.dedupes(topic)) {
        return Ok(0);
    }
    decoded.decode(usize::MAX);
    let digests: Vec<(usize, [u8; 32])> = decoded
        .items()
        .iter()
        .enumerate()
        .filter(|(_, item)| item.is_event() && topics.dedupes(item.record.topic))
        .map(|(n, item)| (n, digest(item.record.topic, item.record.key, item.record.value)))
        .collect();
    if digests.is_empty() {
        return Ok(0);
    }
    let mut sorted: Vec<&[u8]> = digests.iter().map(|(_, d)| d.as_slice()).collect();
    sorted.sort_unstable();
    sorted.dedup();
    let params: [TypedParam<'_>; 2] =
        [(&decoded.group_id(), Type::TEXT), (&sorted, Type::BYTEA_ARRAY)];
    let rows = tx.query(include_str!("../sql/claim_contents.sql"), &params).await?;
    let mut ours: HashSet<&[u8]> =
        rows.iter().map(|row| row.try_get("digest")).collect::<Result<_, _>>()?;
    let mut repeats = 0;
    for (n, digest) in &digests {
        // The first record of a batch takes the claim; later ones find it taken.
        if !ours.remove(digest.as_slice()) {
            decoded.skip(*n, REASON);
            repeats += 1;
        }
    }
    Ok(repeats)
}

/// Releases a claim that a failure's own record made.
///
/// Ingest claims a content before the database can refuse the record, and the claim stays with the
/// failure. The claim has the same time as the failure, because one transaction wrote both. A
/// repeat that was refused in the same transaction was not an event, so its failure has no fields
/// of an event.
pub(super) async fn release(tx: &Tx, decoded: &Decoded<'_>) -> Result<(), StoreError> {
    let topics = &decoded.writer().topics;
    for item in
        decoded.items().iter().filter(|item| item.is_event() && topics.dedupes(item.record.topic))
    {
        let record = item.record;
        let digest = digest(record.topic, record.key, record.value);
        let params: [TypedParam<'_>; 5] = [
            (&decoded.group_id(), Type::TEXT),
            (&digest.as_slice(), Type::BYTEA),
            (&item.stream, Type::INT4),
            (&record.partition, Type::INT4),
            (&record.offset, Type::INT8),
        ];
        tx.execute(include_str!("../sql/release_claim.sql"), &params).await?;
    }
    Ok(())
}

fn digest(topic: &str, key: Option<&[u8]>, value: Option<&[u8]>) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in [Some(topic.as_bytes()), key, value] {
        hash.update(part.map_or(-1, |p| p.len().cast_signed() as i64).to_le_bytes());
        hash.update(part.unwrap_or_default());
    }
    hash.finalize().into()
}
