//! Finds the coordinates of a public id.

use tokio_postgres::types::Type;

use crate::{RecordCoordinates, Store, StoreError, event_id::EventId};

/// Returns the coordinates of a public id; `None` when the topic has no such stream. Does not check
/// whether the record exists.
pub async fn place_of(
    store: &Store,
    id: &EventId,
) -> Result<Option<RecordCoordinates>, StoreError> {
    let stream: Option<i32> = store
        .transaction("place_of", |tx| async move {
            let rows = tx
                .query(
                    include_str!("../sql/find_stream.sql"),
                    &[(&id.topic, Type::TEXT), (&id.stream, Type::INT4)],
                )
                .await?;
            Ok(rows.first().map(|row| row.try_get("stream")).transpose()?.flatten())
        })
        .await?;
    Ok(stream.map(|stream| RecordCoordinates {
        stream,
        partition: id.partition,
        offset: id.offset,
    }))
}
