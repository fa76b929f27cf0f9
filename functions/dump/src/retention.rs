//! The daily work in addition to dumps: creates the next months of the log and of series, and drops
//! old months that are dumped and verified.

use tokio_postgres::types::Type;
use weir_blob::UtcDay;
use weir_model::{Micros, time::DAY_MICROS};
use weir_store::{
    Store,
    archive::NewDay,
    log, migrate,
    retention::{self, Guard, Keep, Retention},
    series::{self, Series, SeriesTable},
};

use crate::{
    DumpError, LOG,
    freshness::{self, Standing, compact_changes, forget_removed_days},
    query::Param,
    run::Dumper,
    verify::{Found, verify_day},
};

/// Creates the next months of the log and of series, and reduces the rows of `day_changes`. Returns
/// the number of created months.
///
/// It first ends sessions of readers that exceed their limits, because a month can be neither
/// created nor dropped while a session reads the log.
pub async fn housekeeping(store: &Store) -> Result<i32, DumpError> {
    end_long_readers(store).await;
    let made = migrate::make_months(store, migrate::MONTHS_AHEAD).await?;
    let connection = store.connect().await?;
    forget_removed_days(connection.client()).await?;
    let gone = compact_changes(connection.client()).await?;
    if gone > 0 {
        tracing::debug!(gone, "compacted the changes of days that are to be dumped");
    }
    Ok(made)
}

/// Ends the sessions of `weir_reader` that exceed their limits. A failure is only logged, because
/// the work that waits for these sessions reports its own error.
pub async fn end_long_readers(store: &Store) {
    match migrate::end_long_readers(store).await {
        Ok(0) => {}
        Ok(ended) => {
            tracing::warn!(ended, "ended sessions of weir_reader that exceeded their limits");
        }
        Err(error) => {
            tracing::warn!(%error, "cannot check whether sessions of weir_reader exceed their \
                limits");
        }
    }
}

/// A month that is dropped because a person names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForcedMonth {
    /// The month's table.
    pub month_table: String,
    /// The days of the month without a present dump, as `2026-01-02`.
    pub undumped: Vec<String>,
    /// The topics with records in a month of the log.
    pub topics: Vec<String>,
}

/// A series with its tables.
#[derive(Debug, Clone)]
pub struct SeriesState {
    /// The model.
    pub model: String,
    /// The days that the series is kept; `None` keeps it forever.
    pub keep_days: Option<u32>,
    /// The months, the oldest first, then the default partition.
    pub tables: Vec<SeriesTable>,
}

/// Returns the series with their tables.
pub async fn series_states(dumper: &Dumper, keep: &Keep) -> Result<Vec<SeriesState>, DumpError> {
    let mut states = Vec::new();
    for series in all_series(dumper).await? {
        let tables = series::tables(&dumper.store, &series).await?;
        let keep_days = keep.series.get(&series.model).copied();
        states.push(SeriesState { model: series.model, keep_days, tables });
    }
    Ok(states)
}

/// Returns the instant before which everything is older than `keep_days`.
pub fn older_than(keep_days: u32, now: Micros) -> Micros {
    Micros(now.0 - i64::from(keep_days) * DAY_MICROS)
}

/// Returns the months that [`retain`] drops only because they are in `forced`.
pub async fn forced_months(
    dumper: &Dumper,
    keep: &Keep,
    now: Micros,
    forced: &[String],
) -> Result<Vec<ForcedMonth>, DumpError> {
    let destination = dumper.blobs.url().to_string();
    let (store, mut months) = (&dumper.store, Vec::new());
    if let Some(days) = keep.log {
        for month in retention::old_months(store, older_than(days, now)).await? {
            if forced.contains(&month.month_table) {
                let undumped =
                    retention::undumped_days(store, &month.month_table, &destination).await?;
                let connection = store.connect().await?;
                let params: [Param<'_>; 2] =
                    [(&month.begin, Type::TIMESTAMPTZ), (&month.end, Type::TIMESTAMPTZ)];
                let rows = connection.client().query_typed(log::STREAMS_OF_DAY, &params).await?;
                let topics: Result<_, tokio_postgres::Error> =
                    rows.iter().map(|row| row.try_get("topic")).collect();
                months.push(ForcedMonth {
                    month_table: month.month_table,
                    undumped,
                    topics: topics?,
                });
            }
        }
    }
    for (series, days) in kept_series(dumper, keep).await? {
        for month in series::old_months(store, &series, older_than(days, now)).await? {
            if forced.contains(&month.month_table) {
                let undumped = series::undumped_days(store, &series, &month, &destination).await?;
                let topics = Vec::new();
                months.push(ForcedMonth { month_table: month.month_table, undumped, topics });
            }
        }
    }
    Ok(months)
}

/// Drops the months of the log and of series that ended as many days before `now` as `keep` says.
///
/// First it verifies the dumps of their days. A month with a day that is not dumped, or not equal
/// to its dump, is kept. `forced` are names of month tables that are dropped without these checks.
pub async fn retain(
    dumper: &Dumper,
    keep: &Keep,
    now: Micros,
    forced: &[String],
    progress: &(dyn Fn(&str) + Sync),
) -> Result<Retention, DumpError> {
    let destination = dumper.blobs.url().to_string();
    let (store, mut all) = (&dumper.store, Retention::default());
    let dropping = |month: &str| progress(&format!("dropping {month}"));
    if let Some(days) = keep.log {
        let before = older_than(days, now);
        for month in retention::old_months(store, before).await? {
            // All files are read again, because they replace the rows from now on.
            let span = (month.begin, month.end);
            let verified = verify_days(dumper, LOG, span, true, now, progress).await?;
            let archived = &verified.archivable;
            let guard = Guard::Dumped { destination: &destination, forced, archived };
            dropping(&month.month_table);
            let mut done = retention::drop_month(store, &month, &guard).await?;
            for kept in &mut done.kept {
                let without = |day: &mut String| verified.no_parquet.contains(day);
                kept.no_parquet = kept.days.extract_if(.., without).collect();
            }
            all.add(done);
        }
        retention::forget_contents(store, before).await?;
    }
    let guard = Guard::Dumped { destination: &destination, forced, archived: &[] };
    for (series, days) in kept_series(dumper, keep).await? {
        let before = older_than(days, now);
        for month in series::old_months(store, &series, before).await? {
            if !forced.contains(&month.month_table) {
                let span = (month.begin, month.end);
                verify_days(dumper, &series.model, span, false, now, progress).await?;
            }
        }
        let done = series::drop_months(store, &series, before, &guard, &dropping).await?;
        all.add(done);
    }
    Ok(all)
}

async fn all_series(dumper: &Dumper) -> Result<Vec<Series>, DumpError> {
    let connection = dumper.store.connect().await?;
    Ok(series::all(connection.client(), &dumper.models).await?)
}

/// Returns the series with a retention, and its days.
async fn kept_series(dumper: &Dumper, keep: &Keep) -> Result<Vec<(Series, u32)>, DumpError> {
    if keep.series.is_empty() {
        return Ok(Vec::new());
    }
    let all = all_series(dumper).await?.into_iter();
    Ok(all
        .filter_map(|series| Some((keep.series.get(&series.model).copied()?, series)))
        .map(|(days, series)| (series, days))
        .collect())
}

/// The days of the log that were verified.
#[derive(Default)]
struct VerifiedDays {
    archivable: Vec<NewDay>,
    /// The days whose dump has no Parquet files.
    no_parquet: Vec<String>,
}

/// Verifies the days between two instants that are dumped and were not verified, or, with `again`,
/// all that are dumped.
async fn verify_days(
    dumper: &Dumper,
    model: &str,
    (begin, end): (Micros, Micros),
    again: bool,
    now: Micros,
    progress: &(dyn Fn(&str) + Sync),
) -> Result<VerifiedDays, DumpError> {
    let mut verified = VerifiedDays::default();
    let (Some(first), Some(end)) =
        (UtcDay::from_number(begin.day()), UtcDay::from_number(end.day()))
    else {
        return Ok(verified);
    };
    let connection = dumper.store.connect().await?;
    let destination = dumper.blobs.url().to_string();
    let models = [model.to_owned()];
    let states =
        freshness::states(connection.client(), &destination, &models, first, end.before()).await?;
    drop(connection);
    let (store, models, blobs) = (&dumper.store, &dumper.models, &dumper.blobs);
    for state in states
        .iter()
        .filter(|s| s.standing == Standing::Dumped && (again || s.verified_at.is_none()))
    {
        progress(&format!("verifying {model} {}", state.day));
        // A day that is not equal keeps its month, which is then reported.
        match verify_day(store, models, blobs, model, state.day, now, &|_, _| {}).await {
            Ok(day) if model == LOG && day.found == Found::Equal => match day.archivable() {
                Some(day) => verified.archivable.push(day),
                None => verified.no_parquet.push(state.day.to_string()),
            },
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(model, day = %state.day, %error, "a day was not verified");
            }
        }
    }
    Ok(verified)
}
