//! A record's coordinates, and the lock that goes with them.

use tokio_postgres::types::Type;

use crate::{Store, StoreError, Tx, event_id::EventId, tx::TypedParam};

/// A record's coordinates in the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordCoordinates {
    /// The stream's short id.
    pub stream: i32,
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
}

impl RecordCoordinates {
    /// `$1`, `$2` and `$3` of every statement about one place.
    pub(super) fn params(&self) -> [TypedParam<'_>; 3] {
        [(&self.stream, Type::INT4), (&self.partition, Type::INT4), (&self.offset, Type::INT8)]
    }

    /// Locks the partition, as ingest does. What is stored at the place is known to later
    /// statements only: one that locks and reads sees what was there before it waited.
    pub(super) async fn lock(&self, tx: &Tx) -> Result<(), StoreError> {
        let (streams, partitions) = (vec![self.stream], vec![self.partition]);
        tx.query(
            include_str!("../sql/lock_places.sql"),
            &[(&streams, Type::INT4_ARRAY), (&partitions, Type::INT4_ARRAY)],
        )
        .await?;
        Ok(())
    }
}

/// The place that a public id names; none when the topic has no such stream. Whether a record is
/// there, it does not ask.
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
