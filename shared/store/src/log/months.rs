//! The months of the log, and how one is dropped.

use tokio_postgres::types::Type;
use weir_model::Micros;

use crate::{Connection, StoreError, Tx};

/// A month of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Month {
    /// The name of the month's table.
    pub month_table: String,
    /// The start of the month.
    pub begin: Micros,
    /// The start of the next month.
    pub end: Micros,
}

/// Returns the months that ended before `before`, the oldest first.
pub(crate) async fn old(connection: &Connection, before: Micros) -> Result<Vec<Month>, StoreError> {
    let rows = connection
        .client()
        .query_typed(include_str!("sql/old_months.sql"), &[(&before, Type::TIMESTAMPTZ)])
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Month {
                month_table: row.try_get("month_table")?,
                begin: row.try_get("month_begin")?,
                end: row.try_get("month_end")?,
            })
        })
        .collect()
}

/// Returns whether a month is in the database.
pub(crate) async fn exists(tx: &Tx, month_table: &str) -> Result<bool, StoreError> {
    const EXISTS: &str = "-- month_exists\nSELECT FROM event_months() WHERE month_table = $1";
    Ok(!tx.query(EXISTS, &[(&month_table, Type::TEXT)]).await?.is_empty())
}

/// Returns the days on which records of a month arrived, as days since 1970.
pub(crate) async fn days(tx: &Tx, month_table: &str) -> Result<Vec<i32>, StoreError> {
    let rows = tx.query(include_str!("sql/month_days.sql"), &[(&month_table, Type::TEXT)]).await?;
    rows.iter().map(|row| Ok(row.try_get("day")?)).collect()
}

/// Stores the ranges of a month's records as removed. Returns the number of records.
pub(crate) async fn note_removals(tx: &Tx, month_table: &str) -> Result<i64, StoreError> {
    let rows =
        tx.query(include_str!("sql/note_removals.sql"), &[(&month_table, Type::TEXT)]).await?;
    Ok(rows.first().map(|row| row.try_get("records")).transpose()?.unwrap_or(0))
}

/// Drops the table of a month.
pub(crate) async fn drop(tx: &Tx, month_table: &str) -> Result<(), StoreError> {
    tx.query("-- drop_event_month\nSELECT drop_event_month($1)", &[(&month_table, Type::TEXT)])
        .await?;
    Ok(())
}
