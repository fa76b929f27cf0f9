//! A failure once more, by the settings of now.

use weir_model::{
    Record, ValueSchema,
    record::{BAD_BASE64, KEY_NOT_BASE64, VALUE_NOT_BASE64},
};

use super::{Place, Retried};
use crate::{
    StoreError, Tx, Writer,
    headers::OwnedHeaders,
    write::{Decoded, Item, New, read_schema, refuse_again, write_again},
};

/// Runs a failure through its topic's model once more, in one transaction: as an event or a skip it moves to the log, and
/// is projected and given to plugins as ingest would have done; refused, it stays with one more attempt and the new
/// reason. Passing errors change nothing.
pub async fn failure(writer: &Writer, place: Place) -> Result<Retried, StoreError> {
    writer
        .store
        .transaction("retry_failure", |tx| async move {
            place.lock(&tx).await?;
            let stored = stored_checksum(&tx, place).await?;
            match (Failed::read(&tx, place).await?, stored) {
                (None, None) => Ok(Retried::NotFound),
                (None, Some(_)) => Ok(Retried::AlreadyStored),
                (Some(failed), Some(checksum)) if checksum != failed.checksum => {
                    // Whatever wrote that, the failure's bytes are the only ones of its record.
                    Err(StoreError::Contradiction { topic: failed.topic, partition: place.partition, offset: place.offset })
                }
                (Some(_), Some(_)) => {
                    delete(&tx, place).await?;
                    Ok(Retried::AlreadyStored)
                }
                (Some(failed), None) if writer.topics.model_index(&failed.topic).is_none() => Ok(Retried::Unbound),
                (Some(failed), None) => again(&writer.for_one(failed.group_id.clone()), &tx, place, &failed).await,
            }
        })
        .await
}

async fn again(writer: &Writer, tx: &Tx, place: Place, failed: &Failed) -> Result<Retried, StoreError> {
    let new = New::from_records(vec![(failed.record(place), place.stream)]);
    let opened = new.open(writer);
    let mut decoded = Decoded::of(writer, &new, &opened);
    if let Some(refusal) = write_again(writer, tx, &mut decoded).await? {
        refuse_again(tx, &refusal).await?;
        return Ok(Retried::Refused { class: refusal.class, message: refusal.message });
    }
    delete(tx, place).await?;
    let is_event = decoded.items().iter().any(Item::is_event);
    Ok(if is_event { Retried::Acknowledged } else { Retried::Skipped })
}

async fn delete(tx: &Tx, place: Place) -> Result<(), StoreError> {
    tx.execute(include_str!("../sql/delete_failure.sql"), &place.params()).await?;
    Ok(())
}

/// The checksum of the log's row, if there is one.
async fn stored_checksum(tx: &Tx, place: Place) -> Result<Option<u128>, StoreError> {
    let rows = tx.query(include_str!("../sql/find_event.sql"), &place.params()).await?;
    rows.first().map(|row| Ok(checksum(row.try_get(0)?))).transpose()
}

fn checksum(bytes: &[u8]) -> u128 {
    u128::from_be_bytes(bytes.try_into().unwrap_or_default())
}

/// A row of `failures` that was not discarded.
struct Failed {
    topic: String,
    group_id: String,
    timestamp_ms: i64,
    checksum: u128,
    key: Option<Vec<u8>>,
    headers: OwnedHeaders,
    value: Option<Vec<u8>>,
    schema: Option<ValueSchema>,
    bad_base64: Option<&'static str>,
}

impl Failed {
    async fn read(tx: &Tx, place: Place) -> Result<Option<Self>, StoreError> {
        let rows = tx.query(include_str!("../sql/read_failure.sql"), &place.params()).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        Ok(Some(Self {
            topic: row.try_get(0)?,
            group_id: row.try_get(1)?,
            timestamp_ms: row.try_get(2)?,
            checksum: checksum(row.try_get(3)?),
            key: row.try_get(4)?,
            headers: row.try_get::<_, Option<&str>>(5)?.map(OwnedHeaders::from_json).unwrap_or_default(),
            value: row.try_get(6)?,
            schema: row.try_get::<_, Option<&str>>(7)?.map(read_schema),
            // Key and value hold the text as it came: whatever model is bound, it is no bytes of a record.
            bad_base64: match (row.try_get(8)?, row.try_get(9)?) {
                (BAD_BASE64, KEY_NOT_BASE64) => Some(KEY_NOT_BASE64),
                (BAD_BASE64, _) => Some(VALUE_NOT_BASE64),
                _ => None,
            },
        }))
    }

    /// The record as it was delivered.
    fn record(&self, place: Place) -> Record<'_> {
        Record {
            topic: &self.topic,
            partition: place.partition,
            offset: place.offset,
            timestamp_ms: self.timestamp_ms,
            key: self.key.as_deref(),
            value: self.value.as_deref(),
            headers: self.headers.view(),
            schema: self.schema.as_ref(),
            bad_base64: self.bad_base64,
            checksum: self.checksum,
        }
    }
}
