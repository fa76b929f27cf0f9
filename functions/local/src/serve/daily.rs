//! The daily job. It creates the next months of the log and of series. At `--dump-at` it dumps the
//! day before, and days that changed since their dump.

use std::time::Duration;

use tokio::time::Instant;
use weir_blob::UtcDay;
use weir_dump::{DumpError, Dumper, Handler, Scheduled, end_long_readers, housekeeping};
use weir_model::{Micros, time::DAY_MICROS};
use weir_settings::Wanted;
use weir_store::{Store, migrate};

use crate::{dumps, settings::DumpAt};

/// The interval in which the clock is checked. After a suspend of the machine, the job is late by
/// at most this time.
const LOOK: Duration = Duration::from_secs(30);
/// The interval in which the months of series are created. Rows of a month without a table are in
/// the default partition, and are moved while they are few.
const MONTHS: Duration = Duration::from_mins(10);
/// The time limit of a run: it ends before the next one begins.
const RUN_TIME: Duration = Duration::from_hours(23);

/// Runs the daily job until it is dropped. Without `--dump-at` the first run is one day after the
/// start, because the start creates the months itself.
pub(super) async fn run(store: Store, dumper: Option<Dumper>, wanted: Wanted, at: Option<DumpAt>) {
    let started = dumps::now();
    let handler = dumper.map(Handler::new);
    let mut last = started;
    let mut months = Instant::now();
    loop {
        let next = next_after(last, started, at);
        while dumps::now() < next {
            tokio::time::sleep(LOOK.min(until(next))).await;
            end_long_readers(&store).await;
            if months.elapsed() >= MONTHS {
                months = Instant::now();
                match migrate::make_series_months(&store).await {
                    Ok(0) => {}
                    Ok(made) => tracing::info!(made, "created tables for months of series"),
                    Err(error) => {
                        tracing::warn!(%error, "cannot create tables for months of series");
                    }
                }
            }
        }
        last = next;
        match (&handler, at) {
            (Some(handler), Some(_)) => dump(&store, handler, &wanted, next).await,
            _ => match housekeeping(&store).await {
                Ok(made) => tracing::info!(made, "created the tables for the next months"),
                Err(error) => {
                    tracing::error!(%error, "cannot create the tables for the next months: run \
                        `weir migrate`");
                }
            },
        }
        // After a long suspend of the machine a single run suffices: it dumps every missing day.
        if dumps::now().0 - last.0 > DAY_MICROS {
            last = Micros(dumps::now().0 - DAY_MICROS);
        }
    }
}

async fn dump(store: &Store, handler: &Handler, wanted: &Wanted, at: Micros) {
    let event =
        Scheduled { scheduled_time: at.rfc3339_millis(), dump_date: None, from: None, to: None };
    let begun = Instant::now();
    let handled = async {
        // Read for each run, because the setting may have changed since the start, and a dropped
        // month is not restored automatically.
        let keep = wanted.in_force(store).await?.keep;
        handler.handle(&event, &keep, dumps::now(), RUN_TIME).await
    };
    match handled.await {
        Ok(answer) => {
            let (days, rows, left, seconds) =
                (answer.dumped.len(), answer.rows, answer.left, begun.elapsed().as_secs());
            let day = UtcDay::from_number(at.day()).map(|d| d.before().to_string());
            tracing::info!(day, days, rows, left, seconds, "dumped");
        }
        Err::<_, DumpError>(error) => {
            tracing::error!(%error, "the daily dump failed; run `weir dump`, or wait for \
                tomorrow's dump");
        }
    }
}

/// Returns the first time after `last`: at the time of day `at`, or a whole number of days after
/// the start.
fn next_after(last: Micros, started: Micros, at: Option<DumpAt>) -> Micros {
    let phase =
        at.map_or(started.0.rem_euclid(DAY_MICROS), |at| i64::from(at.minutes) * 60_000_000);
    let next = last.0.div_euclid(DAY_MICROS) * DAY_MICROS + phase;
    Micros(if next > last.0 { next } else { next + DAY_MICROS })
}

fn until(next: Micros) -> Duration {
    Duration::from_micros(u64::try_from(next.0 - dumps::now().0).unwrap_or(0))
        + Duration::from_millis(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_time_is_the_next_one() {
        let instant = |text: &str| Micros::from_rfc3339(text).unwrap();
        let (started, six) = (instant("2026-01-02T03:04:05Z"), Some(DumpAt { minutes: 360 }));
        for (last, at, next) in [
            ("2026-01-02T03:04:05Z", six, "2026-01-02T06:00:00Z"),
            ("2026-01-02T06:00:00Z", six, "2026-01-03T06:00:00Z"),
            ("2026-01-02T23:00:00Z", six, "2026-01-03T06:00:00Z"),
            ("2026-01-02T03:04:05Z", None, "2026-01-03T03:04:05Z"),
        ] {
            assert_eq!(next_after(instant(last), started, at), instant(next), "{last}");
        }
    }
}
