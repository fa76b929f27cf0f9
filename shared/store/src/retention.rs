//! Old months of the log are dropped, and what was in them is written down.

use tokio_postgres::types::Type;
use weir_model::Micros;

use crate::{Store, StoreError};

/// A month that was dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dropped {
    /// The table.
    pub month_table: String,
    /// How many records it held.
    pub records: i64,
}

/// Drops every month of the log that ended before `before`. `progress` hears each table's name first.
///
/// Settled records stay settled: a redelivery of a dropped one is not new. `event_removals` remembers the ranges.
pub async fn drop_months(store: &Store, before: Micros, progress: &(dyn Fn(&str) + Sync)) -> Result<Vec<Dropped>, StoreError> {
    let connection = store.connect().await?;
    let rows = connection.client().query_typed(include_str!("sql/old_months.sql"), &[(&before, Type::TIMESTAMPTZ)]).await?;
    drop(connection);
    let mut dropped = Vec::new();
    for row in &rows {
        let month_table: String = row.try_get(0)?;
        progress(&month_table);
        let table = month_table.as_str();
        let records = store
            .transaction("drop_month", |tx| async move {
                tx.batch("SET LOCAL statement_timeout = 0").await?;
                // A month that is over gets no more rows, so it is counted before anybody has to wait.
                let noted = tx.query(include_str!("sql/note_removals.sql"), &[(&table, Type::TEXT)]).await?;
                tx.query(include_str!("sql/lock_all_streams.sql"), &[]).await?;
                tx.query("-- drop_event_month\nSELECT drop_event_month($1)", &[(&table, Type::TEXT)]).await?;
                Ok(noted.first().map(|row| row.try_get::<_, i64>(0)).transpose()?.unwrap_or(0))
            })
            .await?;
        dropped.push(Dropped { month_table, records });
    }
    store
        .transaction("drop_contents", |tx| async move {
            Ok(tx.execute("-- drop_contents\nDELETE FROM event_contents WHERE seen_at < $1", &[(&before, Type::TIMESTAMPTZ)]).await?)
        })
        .await?;
    Ok(dropped)
}
