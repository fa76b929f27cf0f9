//! The daily work in addition to dumps: creates the next months of the log and of series, and drops
//! old months that are dumped and verified.

use weir_blob::UtcDay;
use weir_model::{Micros, time::DAY_MICROS};
use weir_store::{
    Store, migrate,
    retention::{self, Guard, Keep, Retention},
    series::{self, Series, SeriesTable},
};

use crate::{
    DumpError, LOG,
    freshness::{self, Standing, compact_changes, forget_removed_days},
    run::Dumper,
    verify::verify,
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
                months.push(ForcedMonth { month_table: month.month_table, undumped });
            }
        }
    }
    for (series, days) in kept_series(dumper, keep).await? {
        for month in series::old_months(store, &series, older_than(days, now)).await? {
            if forced.contains(&month.month_table) {
                let undumped = series::undumped_days(store, &series, &month, &destination).await?;
                months.push(ForcedMonth { month_table: month.month_table, undumped });
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
    let guard = Guard::Dumped { destination: &destination, forced };
    let (store, mut all) = (&dumper.store, Retention::default());
    let dropping = |month: &str| progress(&format!("dropping {month}"));
    if let Some(days) = keep.log {
        let before = older_than(days, now);
        for month in retention::old_months(store, before).await? {
            if !forced.contains(&month.month_table) {
                verify_days(dumper, LOG, (month.begin, month.end), now, progress).await?;
            }
        }
        all = retention::drop_months(store, before, &guard, &dropping).await?;
    }
    for (series, days) in kept_series(dumper, keep).await? {
        let before = older_than(days, now);
        for month in series::old_months(store, &series, before).await? {
            if !forced.contains(&month.month_table) {
                let span = (month.begin, month.end);
                verify_days(dumper, &series.model, span, now, progress).await?;
            }
        }
        let done = series::drop_months(store, &series, before, &guard, &dropping).await?;
        all.dropped.extend(done.dropped);
        all.kept.extend(done.kept);
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

/// Verifies the days between two instants that are dumped and were not verified.
async fn verify_days(
    dumper: &Dumper,
    model: &str,
    (begin, end): (Micros, Micros),
    now: Micros,
    progress: &(dyn Fn(&str) + Sync),
) -> Result<(), DumpError> {
    let (Some(first), Some(end)) =
        (UtcDay::from_number(begin.day()), UtcDay::from_number(end.day()))
    else {
        return Ok(());
    };
    let connection = dumper.store.connect().await?;
    let destination = dumper.blobs.url().to_string();
    let models = [model.to_owned()];
    let states =
        freshness::states(connection.client(), &destination, &models, first, end.before()).await?;
    drop(connection);
    let (store, models, blobs) = (&dumper.store, &dumper.models, &dumper.blobs);
    for state in states.iter().filter(|s| s.standing == Standing::Dumped && s.verified_at.is_none())
    {
        progress(&format!("verifying {model} {}", state.day));
        // A day that is not equal keeps its month, which is then reported.
        if let Err(error) = verify(store, models, blobs, model, state.day, now, &|_, _| {}).await {
            tracing::warn!(model, day = %state.day, %error, "a day was not verified");
        }
    }
    Ok(())
}
