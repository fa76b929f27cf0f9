//! Removes old months of a series.

use tokio_postgres::types::Type;
use weir_model::Micros;

use super::Series;
use crate::{
    Store, StoreError, Tx,
    retention::{Dropped, Guard, Kept, Retention, undumped},
    tx::TypedParam,
};

/// A month of a series with rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesMonth {
    /// The name of the month's table, or of the default partition.
    pub month_table: String,
    /// The start of the month.
    pub begin: Micros,
    /// The start of the next month.
    pub end: Micros,
}

/// Returns the months that ended before `before` and have rows.
pub async fn old_months(
    store: &Store,
    series: &Series,
    before: Micros,
) -> Result<Vec<SeriesMonth>, StoreError> {
    let params: [TypedParam<'_>; 2] = [(&series.table, Type::TEXT), (&before, Type::TIMESTAMPTZ)];
    let connection = store.connect().await?;
    let rows =
        connection.client().query_typed(include_str!("sql/old_series_months.sql"), &params).await?;
    rows.iter()
        .map(|row| {
            Ok(SeriesMonth {
                month_table: row.try_get("month_table")?,
                begin: row.try_get("month_begin")?,
                end: row.try_get("month_end")?,
            })
        })
        .collect()
}

/// Returns the days of a month without a verified dump at this destination, or with changes since
/// the dump.
pub async fn undumped_days(
    store: &Store,
    series: &Series,
    month: &SeriesMonth,
    destination: &str,
) -> Result<Vec<String>, StoreError> {
    let guard = &Guard::Dumped { destination, forced: &[], archived: &[] };
    store
        .transaction("undumped_days", |tx| async move {
            let days = days(&tx, include_str!("sql/series_days.sql"), &series.table, month).await?;
            undumped(&tx, &series.model, &days, guard).await
        })
        .await
}

/// Removes every month of a series that ended before `before`, if the guard allows it.
///
/// `progress` is called with each table's name first. `series_removals` stores the months, so that
/// neither a late event nor a replay brings their rows back.
pub async fn drop_months(
    store: &Store,
    series: &Series,
    before: Micros,
    guard: &Guard<'_>,
    progress: &(dyn Fn(&str) + Sync),
) -> Result<Retention, StoreError> {
    let mut retention = Retention::default();
    for month in &old_months(store, series, before).await? {
        progress(&month.month_table);
        let outcome = store
            .transaction("drop_series_month", |tx| async move {
                drop_month(&tx, series, month, guard).await
            })
            .await?;
        let month_table = month.month_table.clone();
        match outcome {
            Ok(records) => {
                // A series is rebuilt from the log.
                retention.dropped.push(Dropped { month_table, records, is_archived: false });
            }
            Err(days) => {
                let (model, no_parquet) = (series.model.clone(), Vec::new());
                retention.kept.push(Kept { model, month_table, days, no_parquet });
            }
        }
    }
    if let Some(statement) = series.after_removal {
        // A killed command leaves the rest to the next one.
        store
            .transaction("after_removal", |tx| async move {
                tx.batch("SET LOCAL statement_timeout = 0").await?;
                Ok(tx.execute(statement, &[]).await?)
            })
            .await?;
    }
    Ok(retention)
}

/// Removes a month. Returns the number of its rows, or the days that the guard keeps.
async fn drop_month(
    tx: &Tx,
    series: &Series,
    month: &SeriesMonth,
    guard: &Guard<'_>,
) -> Result<Result<i64, Vec<String>>, StoreError> {
    tx.batch("SET LOCAL statement_timeout = 0").await?;
    // A dump of a day of this month would read it without its rows.
    let params: [TypedParam<'_>; 3] = [
        (&series.model, Type::TEXT),
        (&month.begin, Type::TIMESTAMPTZ),
        (&month.end, Type::TIMESTAMPTZ),
    ];
    tx.execute(include_str!("sql/make_day_locks.sql"), &params).await?;
    tx.query(include_str!("sql/lock_days.sql"), &params).await?;
    let wanted = match guard {
        Guard::Dumped { forced, .. } if !forced.contains(&month.month_table) => {
            // The rows are read before other writers have to wait.
            let sql = include_str!("sql/series_days.sql");
            Some(days(tx, sql, &series.table, month).await?)
        }
        _ => None,
    };
    tx.query(include_str!("../sql/lock_all_streams.sql"), &[]).await?;
    if let Some(mut wanted) = wanted {
        // A change since then has a mark.
        let sql = include_str!("sql/changed_days.sql");
        wanted.extend(days(tx, sql, &series.model, month).await?);
        wanted.sort_unstable();
        wanted.dedup();
        let days = undumped(tx, &series.model, &wanted, guard).await?;
        if !days.is_empty() {
            return Ok(Err(days));
        }
    }
    let params: [TypedParam<'_>; 2] =
        [(&series.table, Type::TEXT), (&month.begin, Type::TIMESTAMPTZ)];
    let rows = tx.query(include_str!("sql/drop_series_month.sql"), &params).await?;
    Ok(Ok(rows.first().map(|row| row.try_get("records")).transpose()?.unwrap_or(0)))
}

async fn days(tx: &Tx, sql: &str, of: &str, month: &SeriesMonth) -> Result<Vec<i32>, StoreError> {
    let params: [TypedParam<'_>; 3] =
        [(&of, Type::TEXT), (&month.begin, Type::TIMESTAMPTZ), (&month.end, Type::TIMESTAMPTZ)];
    let rows = tx.query(sql, &params).await?;
    rows.iter().map(|row| Ok(row.try_get("day")?)).collect()
}
