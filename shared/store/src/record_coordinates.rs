//! The coordinates of a stored record, and the lock of its partition.

use tokio_postgres::types::Type;

use crate::{StoreError, Tx, tx::TypedParam};

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
    pub(crate) fn params(&self) -> [TypedParam<'_>; 3] {
        [(&self.stream, Type::INT4), (&self.partition, Type::INT4), (&self.offset, Type::INT8)]
    }

    /// Locks the partition, as ingest does. Rows must be read by later statements: a statement that
    /// locks and reads sees the rows from before its wait.
    pub(crate) async fn lock(&self, tx: &Tx) -> Result<(), StoreError> {
        let (streams, partitions) = (vec![self.stream], vec![self.partition]);
        tx.query(
            include_str!("sql/lock_places.sql"),
            &[(&streams, Type::INT4_ARRAY), (&partitions, Type::INT4_ARRAY)],
        )
        .await?;
        Ok(())
    }
}
