//! The daily work in addition to dumps: creates the next months of the log, and drops old months
//! that are dumped and verified.

use weir_blob::UtcDay;
use weir_model::{Micros, time::DAY_MICROS};
use weir_store::{
    Store, migrate,
    retention::{self, Guard, Retention},
};

use crate::{
    DumpError, LOG,
    freshness::{self, Standing, compact_changes},
    run::Dumper,
    verify::verify,
};

/// Creates the next months of the log and reduces the rows of `day_changes`. Returns the number of
/// created months.
///
/// It first ends sessions of readers that exceed their limits, because a month can be neither
/// created nor dropped while a session reads the log.
pub async fn housekeeping(store: &Store) -> Result<i32, DumpError> {
    end_long_readers(store).await;
    let made = migrate::make_months(store, migrate::MONTHS_AHEAD).await?;
    let connection = store.connect().await?;
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

/// Returns the months that [`retain`] drops only because they are in `forced`.
pub async fn forced_months(
    dumper: &Dumper,
    keep_days: u32,
    now: Micros,
    forced: &[String],
) -> Result<Vec<ForcedMonth>, DumpError> {
    let before = Micros(now.0 - i64::from(keep_days) * DAY_MICROS);
    let destination = dumper.blobs.url().to_string();
    let mut months = Vec::new();
    for month in retention::old_months(&dumper.store, before).await? {
        if forced.contains(&month.month_table) {
            let undumped =
                retention::undumped_days(&dumper.store, &month.month_table, &destination).await?;
            months.push(ForcedMonth { month_table: month.month_table, undumped });
        }
    }
    Ok(months)
}

/// Drops the months of the log that ended `keep_days` before `now`.
///
/// First it verifies the dumps of their days. A month with a day that is not dumped, or not equal
/// to its dump, is kept. `forced` are names of month tables that are dropped without these checks.
pub async fn retain(
    dumper: &Dumper,
    keep_days: u32,
    now: Micros,
    forced: &[String],
    progress: &(dyn Fn(&str) + Sync),
) -> Result<Retention, DumpError> {
    let before = Micros(now.0 - i64::from(keep_days) * DAY_MICROS);
    let destination = dumper.blobs.url().to_string();
    for month in retention::old_months(&dumper.store, before).await? {
        if forced.contains(&month.month_table) {
            continue;
        }
        let connection = dumper.store.connect().await?;
        let (Some(first), Some(end)) =
            (UtcDay::from_number(month.begin.day()), UtcDay::from_number(month.end.day()))
        else {
            continue;
        };
        let states = freshness::states(
            connection.client(),
            &destination,
            &[LOG.to_owned()],
            first,
            end.before(),
        )
        .await?;
        drop(connection);
        for state in
            states.iter().filter(|s| s.standing == Standing::Dumped && s.verified_at.is_none())
        {
            progress(&format!("verifying {LOG} {}", state.day));
            // A day that is not equal keeps its month, and `drop_months` reports that.
            if let Err(error) = verify(
                &dumper.store,
                &dumper.models,
                &dumper.blobs,
                LOG,
                state.day,
                now,
                &|_, _| {},
            )
            .await
            {
                tracing::warn!(day = %state.day, %error, "a day was not verified");
            }
        }
    }
    let guard = Guard::Dumped { destination: &destination, forced };
    Ok(retention::drop_months(&dumper.store, before, &guard, &|month| {
        progress(&format!("dropping {month}"));
    })
    .await?)
}
