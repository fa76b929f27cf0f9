//! The statements that every batch runs, prepared once per connection.

use tokio_postgres::{Statement, types::Type};

use super::days;
use crate::{StoreError, log, store::BorrowedConnection};

const TEXT: Type = Type::TEXT;
const TEXTS: Type = Type::TEXT_ARRAY;
const INTS: Type = Type::INT4_ARRAY;
const BIGINTS: Type = Type::INT8_ARRAY;

pub(super) struct BatchStatements {
    pub lock: Statement,
    pub read: Statement,
    pub checksums: Statement,
    pub advance: Statement,
    pub mark_days: Statement,
}

impl BatchStatements {
    pub(super) async fn prepare(on: &mut BorrowedConnection<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            lock: on
                .prepared(include_str!("../sql/lock_partitions.sql"), &[TEXT, TEXTS, INTS])
                .await?,
            read: on
                .prepared(
                    include_str!("../sql/read_settled.sql"),
                    &[TEXT, TEXTS, INTS, BIGINTS, BIGINTS],
                )
                .await?,
            checksums: on.prepared(log::CHECKSUMS, &[INTS, INTS, INTS, BIGINTS, BIGINTS]).await?,
            advance: on
                .prepared(include_str!("../sql/settle_partitions.sql"), &[INTS, INTS, BIGINTS])
                .await?,
            mark_days: days::prepare(on).await?,
        })
    }
}
