//! Drops old months of the log, and stores the ranges of the dropped records and the files that
//! have them. `series` does the same for series.

use std::{collections::BTreeMap, fmt};

use tokio_postgres::types::Type;
use weir_model::{Micros, time::date_of};

use crate::{
    Store, StoreError, Tx,
    archive::{self, NewDay},
    log::months,
    tx::TypedParam,
};

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
    /// Whether all of them are in the archive, and can be listed and replayed.
    pub is_archived: bool,
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
    /// Its days whose dump has no Parquet files, which the archive needs.
    pub no_parquet: Vec<String>,
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (Some(first), Some(last)) =
            (self.no_parquet.iter().min(), self.no_parquet.iter().max())
        {
            return write!(
                f,
                "the dumps of these days have no Parquet files, which the archive needs: {}; run \
                    `weir dump --models {} --from {first} --to {last} --formats json,parquet`",
                some(&self.no_parquet),
                self.model
            );
        }
        let shown = some(&self.days);
        let of = if self.model == LOG { "the log" } else { &self.model };
        write!(
            f,
            "these days of {of} are not dumped and verified: {shown}; run `weir dump`, or \
                give --force {}",
            self.month_table
        )
    }
}

/// Returns the first days as a text.
fn some(days: &[String]) -> String {
    let shown = days.iter().take(3).map(String::as_str).collect::<Vec<_>>().join(", ");
    if days.len() > 3 { format!("{shown} and {} more days", days.len() - 3) } else { shown }
}

/// The result for the old months.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Retention {
    /// The dropped months.
    pub dropped: Vec<Dropped>,
    /// The months that were not dropped.
    pub kept: Vec<Kept>,
}

impl Retention {
    /// Adds the result for other months.
    pub fn add(&mut self, other: Self) {
        self.dropped.extend(other.dropped);
        self.kept.extend(other.kept);
    }
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
        /// The days of the log whose Parquet files were just read and are equal to the log.
        archived: &'g [NewDay],
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
    let guard = &Guard::Dumped { destination, forced: &[], archived: &[] };
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
/// a dropped record is not new. `event_removals` stores the ranges, and `archived_files` the files
/// that have the records, in the transaction that drops the month.
pub async fn drop_months(
    store: &Store,
    before: Micros,
    guard: &Guard<'_>,
    progress: &(dyn Fn(&str) + Sync),
) -> Result<Retention, StoreError> {
    let mut retention = Retention::default();
    for month in &old_months(store, before).await? {
        progress(&month.month_table);
        retention.add(drop_month(store, month, guard).await?);
    }
    forget_contents(store, before).await?;
    Ok(retention)
}

/// Drops one month of the log, if the guard allows it.
pub async fn drop_month(
    store: &Store,
    month: &Month,
    guard: &Guard<'_>,
) -> Result<Retention, StoreError> {
    let month_table = month.month_table.clone();
    let outcome = store
        .transaction("drop_month", |tx| async move { drop_in(&tx, month, guard).await })
        .await?;
    let mut retention = Retention::default();
    match outcome {
        Ok(None) => {}
        Ok(Some((records, is_archived))) => {
            retention.dropped.push(Dropped { month_table, records, is_archived });
        }
        Err(days) => {
            let (model, no_parquet) = (LOG.to_owned(), Vec::new());
            retention.kept.push(Kept { model, month_table, days, no_parquet });
        }
    }
    Ok(retention)
}

/// Deletes the digests of contents that were seen before `before`.
pub async fn forget_contents(store: &Store, before: Micros) -> Result<(), StoreError> {
    const DELETE: &str = "-- drop_contents\nDELETE FROM event_contents WHERE seen_at < $1";
    store
        .transaction("drop_contents", |tx| async move {
            Ok(tx.execute(DELETE, &[(&before, Type::TIMESTAMPTZ)]).await?)
        })
        .await
        .map(drop)
}

/// Drops a month. Returns the number of its records and whether all are in the archive, or the days
/// that the guard keeps. `None` if the month is dropped already, for example because the answer to
/// `COMMIT` was lost.
async fn drop_in(
    tx: &Tx,
    month: &Month,
    guard: &Guard<'_>,
) -> Result<Result<Option<(i64, bool)>, Vec<String>>, StoreError> {
    let table = month.month_table.as_str();
    tx.batch("SET LOCAL statement_timeout = 0").await?;
    // A dump that began before would read the month without its rows, and write it over the files.
    let params: [TypedParam<'_>; 3] =
        [(&LOG, Type::TEXT), (&month.begin, Type::TIMESTAMPTZ), (&month.end, Type::TIMESTAMPTZ)];
    tx.execute(include_str!("series/sql/make_day_locks.sql"), &params).await?;
    tx.query(include_str!("series/sql/lock_days.sql"), &params).await?;
    if !months::exists(tx, table).await? {
        return Ok(Ok(None));
    }
    tx.batch("SAVEPOINT unchanged").await?;
    // A past month gets no more rows, so it is counted before other writers have to wait.
    let records = months::note_removals(tx, table).await?;
    let days = months::days(tx, table).await?;
    tx.query(include_str!("sql/lock_all_streams.sql"), &[]).await?;
    // Checked after the locks, which every change of the log takes.
    let mut missing = undumped(tx, LOG, &days, guard).await?;
    if let Guard::Dumped { destination, forced, archived } = guard {
        for day in days {
            let text = day_text(day);
            let noted = match archived.iter().find(|a| a.day == day) {
                Some(new) if !missing.contains(&text) => {
                    archive::note_day(tx, table, destination, new).await?
                }
                _ => false,
            };
            if !noted && !missing.contains(&text) {
                missing.push(text);
            }
        }
        if !missing.is_empty() && !forced.iter().any(|f| f == table) {
            // The month was not dropped, so its removal is not stored.
            tx.batch("ROLLBACK TO SAVEPOINT unchanged").await?;
            missing.sort();
            return Ok(Err(missing));
        }
    }
    let is_archived = matches!(guard, Guard::Dumped { .. }) && missing.is_empty();
    if is_archived {
        archive::check_month(tx, table).await?;
    }
    months::drop(tx, table).await?;
    Ok(Ok(Some((records, is_archived))))
}

/// Returns a day as `2026-01-02`.
fn day_text(day: i32) -> String {
    let (year, month, day) = date_of(day.into());
    format!("{year:04}-{month:02}-{day:02}")
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
