//! Drops old months of the log and stores the ranges of the dropped records. `series` does the same
//! for series.

use std::{collections::BTreeMap, fmt};

use tokio_postgres::types::Type;
use weir_model::Micros;

use crate::{Store, StoreError, Tx, log::months};

pub use crate::log::months::Month;

/// The name under which the days of the log are dumped.
const LOG: &str = "events";

/// The retention: the number of days that the log and the series are kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keep {
    /// The days of the log; `None` keeps it forever.
    pub log: Option<u32>,
    /// The days of each series, by the name of its model. Other series are kept forever.
    pub series: BTreeMap<String, u32>,
}

impl Keep {
    /// Returns the retention of the log alone.
    pub fn of_log(days: u32) -> Self {
        Self { log: Some(days), series: BTreeMap::new() }
    }

    /// Returns whether everything is kept forever.
    pub fn is_forever(&self) -> bool {
        self.log.is_none() && self.series.is_empty()
    }
}

/// A dropped month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dropped {
    /// The name of the month's table.
    pub month_table: String,
    /// The number of dropped records.
    pub records: i64,
}

/// An old month that was not dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The model of the series, or `events` for the log.
    pub model: String,
    /// The name of the month's table.
    pub month_table: String,
    /// Its days without a verified dump, as `2026-01-02`.
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
        let of = if self.model == LOG { "the log" } else { &self.model };
        write!(
            f,
            "these days of {of} are not dumped and verified: {shown}{more}; run `weir dump`, or \
                give --force {}",
            self.month_table
        )
    }
}

/// The result for the old months.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Retention {
    /// The dropped months.
    pub dropped: Vec<Dropped>,
    /// The months that were not dropped.
    pub kept: Vec<Kept>,
}

/// The condition for dropping a month.
#[derive(Debug, Clone, Copy)]
pub enum Guard<'g> {
    /// No condition.
    Nothing,
    /// Each day with records has a verified dump at the destination and did not change since.
    /// Months in `forced` are dropped regardless.
    Dumped {
        /// The destination, as in `dumps.destination`.
        destination: &'g str,
        /// Tables of months that are dropped regardless.
        forced: &'g [String],
    },
}

/// Returns the months of the log that ended before `before`.
pub async fn old_months(store: &Store, before: Micros) -> Result<Vec<Month>, StoreError> {
    months::old(&store.connect().await?, before).await
}

/// Returns the days of a month without a verified dump at this destination, or with changes since
/// the dump.
pub async fn undumped_days(
    store: &Store,
    month_table: &str,
    destination: &str,
) -> Result<Vec<String>, StoreError> {
    let guard = &Guard::Dumped { destination, forced: &[] };
    store
        .transaction("undumped_days", |tx| async move {
            let wanted = wanted_days(&tx, month_table, guard).await?;
            undumped(&tx, LOG, &wanted, guard).await
        })
        .await
}

/// Drops every month of the log that ended before `before`, if the guard allows it.
///
/// `progress` is called with each table's name first. Settled records stay settled: a redelivery of
/// a dropped record is not new. `event_removals` stores the ranges.
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
                // A past month gets no more rows, so it is counted before other writers have to
                // wait.
                let records = months::note_removals(&tx, table).await?;
                let wanted = wanted_days(&tx, table, guard).await?;
                tx.query(include_str!("sql/lock_all_streams.sql"), &[]).await?;
                // Checked after the locks, which every change of the log takes.
                let days = undumped(&tx, LOG, &wanted, guard).await?;
                if !days.is_empty() {
                    // The month was not dropped, so its removal is not stored.
                    tx.batch("ROLLBACK TO SAVEPOINT unchanged").await?;
                    return Ok(Err(days));
                }
                months::drop(&tx, table).await?;
                Ok(Ok(records))
            })
            .await?;
        match outcome {
            Ok(records) => retention.dropped.push(Dropped { month_table, records }),
            Err(days) => {
                retention.kept.push(Kept { model: LOG.to_owned(), month_table, days });
            }
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

/// Returns the days that need a dump.
async fn wanted_days(tx: &Tx, table: &str, guard: &Guard<'_>) -> Result<Vec<i32>, StoreError> {
    match guard {
        Guard::Dumped { forced, .. } if !forced.iter().any(|f| f == table) => {
            months::days(tx, table).await
        }
        _ => Ok(Vec::new()),
    }
}

/// Returns the days, of the given ones, that have no verified dump of their present rows.
pub(crate) async fn undumped(
    tx: &Tx,
    model: &str,
    days: &[i32],
    guard: &Guard<'_>,
) -> Result<Vec<String>, StoreError> {
    let Guard::Dumped { destination, .. } = guard else { return Ok(Vec::new()) };
    let rows = tx
        .query(
            include_str!("sql/undumped_days.sql"),
            &[(&days, Type::INT4_ARRAY), (destination, Type::TEXT), (&model, Type::TEXT)],
        )
        .await?;
    rows.iter().map(|row| Ok(row.try_get("day")?)).collect()
}
