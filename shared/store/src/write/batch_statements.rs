//! The statements that every batch runs, prepared once per connection.

use tokio_postgres::{Statement, types::Type};

use super::days;
use crate::{StoreError, store::BorrowedConnection};

pub(super) struct BatchStatements {
    pub lock: Statement,
    pub read: Statement,
    pub checksums: Statement,
    pub advance: Statement,
    pub mark_days: Statement,
}

impl BatchStatements {
    pub(super) async fn prepare(connection: &mut BorrowedConnection<'_>) -> Result<Self, StoreError> {
        use Type as T;
        let (lock, read, checksums, advance) = (
            [T::TEXT, T::TEXT_ARRAY, T::INT4_ARRAY],
            [T::TEXT, T::TEXT_ARRAY, T::INT4_ARRAY, T::INT8_ARRAY, T::INT8_ARRAY],
            [T::INT4_ARRAY, T::INT4_ARRAY, T::INT8_ARRAY, T::INT8_ARRAY],
            [T::INT4_ARRAY, T::INT4_ARRAY, T::INT8_ARRAY],
        );
        Ok(Self {
            lock: connection.prepared(include_str!("../sql/lock_partitions.sql"), &lock).await?,
            read: connection.prepared(include_str!("../sql/read_settled.sql"), &read).await?,
            checksums: connection.prepared(include_str!("../sql/read_checksums.sql"), &checksums).await?,
            advance: connection.prepared(include_str!("../sql/settle_partitions.sql"), &advance).await?,
            mark_days: days::prepare(connection).await?,
        })
    }
}
