//! Old months of the log are dropped, and what was in them is written down.

use std::fmt;

use tokio_postgres::types::Type;
use weir_model::Micros;

use crate::{Store, StoreError, Tx};

/// A month that was dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dropped {
    /// The table.
    pub month_table: String,
    /// How many records it held.
    pub records: i64,
}

/// A month that is old and stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The table.
    pub month_table: String,
    /// Its days that are not dumped and verified, as `2026-01-02`.
    pub days: Vec<String>,
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.days.iter().take(3).map(String::as_str).collect::<Vec<_>>().join(", ");
        let more = if self.days.len() > 3 {
            format!(" and {} more days", self.days.len() - 3)
        } else {
            String::new()
        };
        write!(
            f,
            "{shown}{more} of the log not dumped and verified: run `weir dump`, or name the month with --force {}",
            self.month_table
        )
    }
}

/// What became of the old months.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Retention {
    /// Dropped.
    pub dropped: Vec<Dropped>,
    /// Left as they are.
    pub kept: Vec<Kept>,
}

/// A month of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Month {
    /// The table.
    pub month_table: String,
    /// When it begins.
    pub begin: Micros,
    /// When the next one begins.
    pub end: Micros,
}

/// What has to be true of a month before it is dropped.
#[derive(Debug, Clone, Copy)]
pub enum Guard<'g> {
    /// Nothing.
    Nothing,
    /// Each of its days that has records is dumped to this place, verified, and did not change
    /// since; unless the month is among `forced`.
    Dumped {
        /// The place, as `dumps.destination` has it.
        destination: &'g str,
        /// Tables of months that go in any case.
        forced: &'g [String],
    },
}

/// The months of the log that ended before `before`.
pub async fn old_months(store: &Store, before: Micros) -> Result<Vec<Month>, StoreError> {
    let connection = store.connect().await?;
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

/// The days of a month that are not dumped to this place and verified, or changed since.
pub async fn undumped_days(
    store: &Store,
    month_table: &str,
    destination: &str,
) -> Result<Vec<String>, StoreError> {
    let guard = &Guard::Dumped { destination, forced: &[] };
    store
        .transaction("undumped_days", |tx| async move {
            let wanted = wanted_days(&tx, month_table, guard).await?;
            undumped(&tx, &wanted, guard).await
        })
        .await
}

/// Drops every month of the log that ended before `before`, if the guard lets it. `progress` hears
/// each table's name first.
///
/// Settled records stay settled: a redelivery of a dropped one is not new. `event_removals`
/// remembers the ranges.
pub async fn drop_months(
    store: &Store,
    before: Micros,
    guard: &Guard<'_>,
    progress: &(dyn Fn(&str) + Sync),
) -> Result<Retention, StoreError> {
    let mut retention = Retention::default();
    for month in &old_months(store, before).await? {
        let month_table = month.month_table.clone();
        progress(&month_table);
        let table = month_table.as_str();
        let outcome = store
            .transaction("drop_month", |tx| async move {
                tx.batch("SET LOCAL statement_timeout = 0").await?;
                tx.batch("SAVEPOINT unchanged").await?;
                // A month that is over gets no more rows, so it is counted before other writers
                // have to wait.
                let noted = tx
                    .query(include_str!("sql/note_removals.sql"), &[(&table, Type::TEXT)])
                    .await?;
                let wanted = wanted_days(&tx, table, guard).await?;
                tx.query(include_str!("sql/lock_all_streams.sql"), &[]).await?;
                // Asked behind the locks, which everything takes that changes a row of the log.
                let days = undumped(&tx, &wanted, guard).await?;
                if !days.is_empty() {
                    // Nothing was removed, so nothing is noted.
                    tx.batch("ROLLBACK TO SAVEPOINT unchanged").await?;
                    return Ok(Err(days));
                }
                tx.query(
                    "-- drop_event_month\nSELECT drop_event_month($1)",
                    &[(&table, Type::TEXT)],
                )
                .await?;
                Ok(Ok(noted.first().map(|row| row.try_get("records")).transpose()?.unwrap_or(0)))
            })
            .await?;
        match outcome {
            Ok(records) => retention.dropped.push(Dropped { month_table, records }),
            Err(days) => retention.kept.push(Kept { month_table, days }),
        }
    }
    store
        .transaction("drop_contents", |tx| async move {
            Ok(tx
                .execute(
                    "-- drop_contents\nDELETE FROM event_contents WHERE seen_at < $1",
                    &[(&before, Type::TIMESTAMPTZ)],
                )
                .await?)
        })
        .await?;
    Ok(retention)
}

/// The days that have to be dumped.
async fn wanted_days(tx: &Tx, table: &str, guard: &Guard<'_>) -> Result<Vec<i32>, StoreError> {
    match guard {
        Guard::Dumped { forced, .. } if !forced.iter().any(|f| f == table) => {
            let rows =
                tx.query(include_str!("sql/month_days.sql"), &[(&table, Type::TEXT)]).await?;
            rows.iter().map(|row| Ok(row.try_get("day")?)).collect()
        }
        _ => Ok(Vec::new()),
    }
}

async fn undumped(tx: &Tx, days: &[i32], guard: &Guard<'_>) -> Result<Vec<String>, StoreError> {
    let Guard::Dumped { destination, .. } = guard else { return Ok(Vec::new()) };
    let rows = tx
        .query(
            include_str!("sql/undumped_days.sql"),
            &[(&days, Type::INT4_ARRAY), (destination, Type::TEXT)],
        )
        .await?;
    rows.iter().map(|row| Ok(row.try_get("day")?)).collect()
}
