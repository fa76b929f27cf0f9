//! What is done every day besides dumping: months of the log made ahead, old ones dropped once they are dumped and verified.

use weir_blob::Day;
use weir_model::Micros;
use weir_store::{
    migrate,
    retention::{self, Guard, Retention},
};

use crate::{
    DumpError, LOG,
    run::Dumper,
    stale::{self, Standing},
    verify,
};

/// Makes the log's months ahead and keeps `day_changes` short. Gives how many months were made.
pub async fn housekeeping(store: &weir_store::Store) -> Result<i32, DumpError> {
    let made = migrate::make_months(store, migrate::MONTHS_AHEAD).await?;
    let connection = store.connect().await?;
    let gone = stale::compact(connection.client()).await?;
    if gone > 0 {
        tracing::debug!(gone, "changes of days that wait for a dump were drawn together");
    }
    Ok(made)
}

/// Drops the months of the log that ended `keep_days` before `now`. Their days' dumps are verified first; a month with a day that is
/// not dumped, or not equal, stays, unless it is among `forced`, by the name of its table.
pub async fn retain(
    dumper: &Dumper,
    keep_days: u32,
    now: Micros,
    forced: &[String],
    progress: &(dyn Fn(&str) + Sync),
) -> Result<Retention, DumpError> {
    let before = Micros(now.0 - i64::from(keep_days) * 86_400_000_000);
    let destination = dumper.blobs.url().to_string();
    for month in retention::old_months(&dumper.store, before).await? {
        if forced.contains(&month.month_table) {
            continue;
        }
        let connection = dumper.store.connect().await?;
        let (Some(first), Some(end)) = (day_of(month.begin), day_of(month.end)) else { continue };
        let states = stale::states(connection.client(), &destination, &[LOG.to_owned()], first, end.before()).await?;
        drop(connection);
        for state in states.iter().filter(|s| s.standing == Standing::Dumped && s.verified_at.is_none()) {
            progress(&format!("verifying {LOG} {}", state.day));
            // What is not equal keeps its month, which says so.
            if let Err(error) = verify::verify(&dumper.store, &dumper.models, &dumper.blobs, LOG, state.day, now, &|_, _| {}).await {
                tracing::warn!(day = %state.day, %error, "not verified");
            }
        }
    }
    let guard = Guard::Dumped { destination: &destination, forced };
    Ok(retention::drop_months(&dumper.store, before, &guard, &|month| progress(&format!("dropping {month}"))).await?)
}

fn day_of(instant: Micros) -> Option<Day> {
    i32::try_from(instant.0.div_euclid(86_400_000_000)).ok().and_then(Day::from_number)
}
