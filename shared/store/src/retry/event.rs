//! Retries an event of the log.

use super::Retried;
use crate::{
    PluginError, Reapply, RecordCoordinates, StoreError, Tx, Writer,
    log::{self, LogRecord},
    replay,
    write::{Decoded, NewRecords},
};

/// Runs a row of the log through its topic's model again, in one transaction, as a replay does.
///
/// The projection is updated, and plugins apply the event by their `reapply`. A former skip that is
/// an event now becomes an event of the log, and plugins get it as a new event. Nothing changes
/// when the record is rejected or skipped again, or after a transient error.
pub async fn event(writer: &Writer, place: RecordCoordinates) -> Result<Retried, StoreError> {
    writer.read_index_keys().await?;
    let retried = writer
        .store
        .transaction("retry_event", |tx| async move {
            place.lock(&tx).await?;
            let Some(record) = log::record_at(&tx, place).await? else {
                return Ok(Retried::NotFound);
            };
            if writer.topics.model_index(&record.topic).is_none() {
                return Ok(Retried::Unbound);
            }
            // A repeat of content stays a repeat, as in a replay.
            if record.repeated {
                return Ok(Retried::Skipped);
            }
            again(writer, &tx, &record).await
        })
        .await;
    match retried {
        // The transaction is rolled back, and the log has no column for the reason.
        Err(error) if error.is_data() => {
            Ok(Retried::Refused { class: error.class(), message: error.to_string() })
        }
        other => other,
    }
}

async fn again(writer: &Writer, tx: &Tx, record: &LogRecord) -> Result<Retried, StoreError> {
    let new = NewRecords::of_log(vec![(record.record(), record.stream)]);
    let opened = new.open(writer);
    let decoded = Decoded::of(writer, &record.group_id, &new, &opened);
    if let Some(refusal) = decoded.rejections().next() {
        return Ok(Retried::Refused { class: refusal.class, message: refusal.message });
    }
    let applied = replay::apply(writer, tx, &decoded, std::slice::from_ref(record)).await?;
    if applied.events.is_empty() {
        return Ok(Retried::Skipped);
    }
    if !record.skipped {
        reapply(writer, tx, &decoded, &applied.events).await?;
    }
    Ok(Retried::Acknowledged)
}

/// Lets each plugin apply the events again. A plugin without `reapply` is left out.
async fn reapply(
    writer: &Writer,
    tx: &Tx,
    decoded: &Decoded<'_>,
    events: &[usize],
) -> Result<(), StoreError> {
    for event in &decoded.new_events(events) {
        for plugin in &writer.plugins {
            // The savepoint also undoes writes of a plugin that refuses later.
            tx.batch("SAVEPOINT reapply").await?;
            match plugin.reapply(tx, Reapply::Event(event)).await {
                Ok(()) => tx.batch("RELEASE SAVEPOINT reapply").await?,
                Err(PluginError::Refused(reason)) => {
                    tx.batch("ROLLBACK TO SAVEPOINT reapply; RELEASE SAVEPOINT reapply").await?;
                    let (topic, partition, offset) = (event.topic, event.partition, event.offset);
                    tracing::warn!(
                        plugin = plugin.name(),
                        topic,
                        partition,
                        offset,
                        reason,
                        "the plugin did not apply the event again"
                    );
                }
                Err(error) => {
                    return Err(StoreError::Plugin { name: plugin.name().to_owned(), error });
                }
            }
        }
    }
    Ok(())
}
