//! Discards a failure.

use super::RecordCoordinates;
use crate::{Store, StoreError};

/// Deletes a failure's key, headers and value. Its coordinates and checksum stay, so that a
/// redelivery does not store the record again.
///
/// Returns whether a failure existed that had not been discarded.
pub async fn discard(store: &Store, place: RecordCoordinates) -> Result<bool, StoreError> {
    store
        .transaction("discard", |tx| async move {
            place.lock(&tx).await?;
            Ok(tx.execute(include_str!("../sql/discard_failure.sql"), &place.params()).await? > 0)
        })
        .await
}
