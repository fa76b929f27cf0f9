//! The coordinates of a record, and the lock of its partition.

use tokio_postgres::types::Type;

use crate::{Store, StoreError, Tx, event_id::EventId, tx::TypedParam};

/// The coordinates of a record in the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordCoordinates {
    /// The stream's short id.
    pub stream: i32,
    /// The number of the partition.
    pub partition: i32,
    /// The offset in the partition.
    pub offset: i64,
}

impl RecordCoordinates {
    /// Returns `$1`, `$2` and `$3` of every statement about one record.
    pub(super) fn params(&self) -> [TypedParam<'_>; 3] {
        [(&self.stream, Type::INT4), (&self.partition, Type::INT4), (&self.offset, Type::INT8)]
    }

    /// Locks the partition, as ingest does. Rows must be read by later statements: a statement that
    /// locks and reads sees the rows from before its wait.
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
