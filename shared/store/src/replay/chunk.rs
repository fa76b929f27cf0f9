//! Applies one chunk of the log to its models again.

use super::Replayed;
use crate::{
    RecordCoordinates, StoreError, Tx, Writer,
    log::{self, LogRecord, NewProblems},
    write::{Decoded, NewRecords, mark_days},
};

/// Records of the log that were applied again, by index.
pub(crate) struct Applied {
    /// The records that are events.
    pub events: Vec<usize>,
    /// The events that were skips before.
    pub promoted: Vec<usize>,
}

pub(super) async fn write(
    writer: &Writer,
    tx: &Tx,
    records: &[LogRecord],
) -> Result<Replayed, StoreError> {
    let mut done = Replayed::default();
    for of_group in records.chunk_by(|a, b| a.group_id == b.group_id) {
        done.add(write_group(writer, tx, of_group).await?);
    }
    Ok(done)
}

/// Applies records of one consumer group.
async fn write_group(
    writer: &Writer,
    tx: &Tx,
    records: &[LogRecord],
) -> Result<Replayed, StoreError> {
    let group_id = records.first().map_or("", |record| record.group_id.as_str());
    let new = NewRecords::of_log(records.iter().map(|r| (r.record(), r.stream)).collect());
    let opened = new.open(writer);
    let decoded = Decoded::of(writer, group_id, &new, &opened);
    let applied = apply(writer, tx, &decoded, records).await?;
    let mut refused = 0;
    for refusal in decoded.rejections() {
        let record = refusal.record;
        tracing::warn!(
            topic = record.topic,
            partition = record.partition,
            offset = record.offset,
            reason = refusal.message,
            "the model rejects a record that it accepted before"
        );
        refused += 1;
    }
    let number = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    Ok(Replayed {
        records: number(records.len()),
        events: number(applied.events.len()),
        promoted: number(applied.promoted.len()),
        refused: number(refused),
        rebuilt: false,
    })
}

/// Updates projections and changed days with the events among these records, which `decoded`
/// contains in the same order.
///
/// Former skips become events of the log, and plugins get them as new events.
pub(crate) async fn apply(
    writer: &Writer,
    tx: &Tx,
    decoded: &Decoded<'_>,
    records: &[LogRecord],
) -> Result<Applied, StoreError> {
    let events: Vec<usize> =
        (0..records.len()).filter(|n| decoded.items()[*n].is_event()).collect();
    for statement in &decoded.upserts(&events) {
        tx.run(statement).await?;
    }
    mark_days(tx, None, &decoded.days(), false).await?;
    rewrite_problems(tx, decoded, records).await?;
    let skipped: Vec<usize> = events.iter().copied().filter(|n| records[*n].skipped).collect();
    // These events were never applied, so plugins get them as new events.
    let promoted = promote(tx, decoded, &skipped).await?;
    writer.apply_plugins(tx, decoded, &promoted).await?;
    Ok(Applied { events, promoted })
}

/// Updates the findings of events where the log has different ones.
async fn rewrite_problems(
    tx: &Tx,
    decoded: &Decoded<'_>,
    records: &[LogRecord],
) -> Result<(), StoreError> {
    let found = |n: usize| decoded.items()[n].event().map(|event| event.problems.as_deref());
    let changed = records.iter().enumerate().filter(|(_, record)| !record.skipped);
    let changed: Vec<NewProblems<'_>> = changed
        .filter_map(|(n, record)| Some((record, found(n)?)))
        .filter(|(record, found)| record.problems.as_deref() != *found)
        .map(|(record, problems)| NewProblems {
            place: record.place(),
            arrived_at: record.arrived_at,
            problems,
        })
        .collect();
    log::rewrite_problems(tx, &changed).await
}

/// Updates the log's rows of former skips that are events now. Returns the records that were still
/// skips.
///
/// The log was read before its partitions were locked, so another replay may have promoted them.
async fn promote(
    tx: &Tx,
    decoded: &Decoded<'_>,
    skipped: &[usize],
) -> Result<Vec<usize>, StoreError> {
    let mut promoted = Vec::new();
    for n in skipped {
        let item = &decoded.items()[*n];
        let Some(event) = item.event() else { continue };
        let (stream, partition, offset) = (item.stream, item.record.partition, item.record.offset);
        let place = RecordCoordinates { stream, partition, offset };
        if log::promote(tx, place, event).await? {
            promoted.push(*n);
        }
    }
    Ok(promoted)
}
