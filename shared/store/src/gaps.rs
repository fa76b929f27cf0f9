//! Ranges that were passed over: what comes after them is stored, they are not.

use tokio_postgres::{Client, types::Type};

use crate::{OpenedGap, StoreError};

/// The gaps that are open now, of every topic that is read, at most `limit` of them. What lies before a stream's begin is none.
pub async fn open(client: &Client, limit: u16) -> Result<Vec<OpenedGap>, StoreError> {
    let rows = client.query_typed(include_str!("sql/open_gaps_of.sql"), &[(&i64::from(limit), Type::INT8)]).await?;
    let gap = |row: &tokio_postgres::Row| {
        Ok(OpenedGap {
            topic: row.try_get("topic")?,
            partition: row.try_get("partition")?,
            first: row.try_get("first_offset")?,
            end: row.try_get("end_offset")?,
        })
    };
    rows.iter().map(gap).collect()
}
