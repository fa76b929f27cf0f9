//! Retries a failure with the current settings.

use weir_model::{
    ErrorClass, Micros, Record, ValueSchema,
    record::{KEY_NOT_BASE64, VALUE_NOT_BASE64},
};

use super::Retried;
use crate::{
    RecordCoordinates, StoreError, Tx, Writer,
    headers::OwnedHeaders,
    log,
    write::{Decoded, DecodedRecord, NewRecords, add_attempt, read_schema, retry_record},
};

/// Runs a failure through its topic's model again, in one transaction.
///
/// An event or a skip moves to the log, and is projected and passed to plugins as by ingest. If it
/// is refused, the failure stays, with one more attempt and the new reason. A transient error
/// changes nothing.
pub async fn failure(writer: &Writer, place: RecordCoordinates) -> Result<Retried, StoreError> {
    writer.read_index_keys().await?;
    writer
        .store
        .transaction("retry_failure", |tx| async move {
            place.lock(&tx).await?;
            let stored = log::checksum_at(&tx, place).await?;
            match (StoredFailure::read(&tx, place).await?, stored) {
                (None, None) => Ok(Retried::NotFound),
                (None, Some(_)) => Ok(Retried::AlreadyStored),
                (Some(failed), Some(checksum)) if checksum != failed.checksum => {
                    // The failure has the only copy of its record's bytes, so it is kept,
                    // regardless of the origin of the row in the log.
                    Err(StoreError::Contradiction {
                        topic: failed.topic,
                        partition: place.partition,
                        offset: place.offset,
                    })
                }
                (Some(_), Some(_)) => {
                    delete(&tx, place).await?;
                    Ok(Retried::AlreadyStored)
                }
                (Some(failed), None) if writer.topics.model_index(&failed.topic).is_none() => {
                    Ok(Retried::Unbound)
                }
                (Some(failed), None) => again(writer, &tx, place, &failed).await,
            }
        })
        .await
}

async fn again(
    writer: &Writer,
    tx: &Tx,
    place: RecordCoordinates,
    failed: &StoredFailure,
) -> Result<Retried, StoreError> {
    let new = NewRecords::of_failure(failed.record(place), place.stream);
    let opened = new.open(writer);
    let mut decoded = Decoded::of(writer, &failed.group_id, &new, &opened);
    if let Some(refusal) = retry_record(writer, tx, &mut decoded).await? {
        add_attempt(tx, &refusal).await?;
        return Ok(Retried::Refused { class: refusal.class, message: refusal.message });
    }
    delete(tx, place).await?;
    let is_event = decoded.items().iter().any(DecodedRecord::is_event);
    Ok(if is_event { Retried::Acknowledged } else { Retried::Skipped })
}

async fn delete(tx: &Tx, place: RecordCoordinates) -> Result<(), StoreError> {
    tx.execute(include_str!("../sql/delete_failure.sql"), &place.params()).await?;
    Ok(())
}

/// A row of `failures` that was not discarded.
struct StoredFailure {
    topic: String,
    group_id: String,
    begun_at: Micros,
    timestamp_ms: i64,
    checksum: u128,
    key: Option<Vec<u8>>,
    headers: OwnedHeaders,
    value: Option<Vec<u8>>,
    schema: Option<ValueSchema>,
    bad_base64: Option<&'static str>,
}

impl StoredFailure {
    async fn read(tx: &Tx, place: RecordCoordinates) -> Result<Option<Self>, StoreError> {
        let rows = tx.query(include_str!("../sql/read_failure.sql"), &place.params()).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        Ok(Some(Self {
            topic: row.try_get("topic")?,
            group_id: row.try_get("group_id")?,
            begun_at: row.try_get("begun_at")?,
            timestamp_ms: row.try_get("timestamp_ms")?,
            checksum: log::checksum_of(row.try_get("checksum")?),
            key: row.try_get("key")?,
            headers: row
                .try_get::<_, Option<&str>>("headers")?
                .map(OwnedHeaders::from_json)
                .unwrap_or_default(),
            value: row.try_get("value")?,
            schema: row.try_get::<_, Option<&str>>("value_schema")?.map(read_schema),
            // Key and value contain the text as it was delivered. Under any model, it is not the
            // bytes of a record.
            bad_base64: match (
                row.try_get::<_, &str>("error_class")?,
                row.try_get("error_message")?,
            ) {
                (class, _) if class != ErrorClass::BadBase64.name() => None,
                (_, KEY_NOT_BASE64) => Some(KEY_NOT_BASE64),
                _ => Some(VALUE_NOT_BASE64),
            },
        }))
    }

    /// Returns the record as it was delivered.
    fn record(&self, place: RecordCoordinates) -> Record<'_> {
        Record {
            topic: &self.topic,
            partition: place.partition,
            offset: place.offset,
            timestamp_ms: self.timestamp_ms,
            key: self.key.as_deref(),
            value: self.value.as_deref(),
            headers: self.headers.view(),
            // As an event, the record arrives now.
            arrived_at: Some(self.begun_at),
            schema: self.schema.as_ref(),
            bad_base64: self.bad_base64,
            checksum: self.checksum,
        }
    }
}
