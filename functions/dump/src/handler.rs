//! The daily job.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use weir_blob::UtcDay;
use weir_model::Micros;
use weir_store::packing::pack_closed_hours;
use weir_store::retention::Keep;

use crate::{
    DumpError,
    retention::{housekeeping, retain},
    run::{Dumper, Outcome, Which},
};

/// Time that is reserved at the end of an invocation, to undo unfinished work and to answer.
const ANSWER_TIME: Duration = Duration::from_secs(15);

/// The event of the schedule: an object with `scheduled_time`, in which `EventBridge` Scheduler
/// replaces `<aws.scheduler.scheduled-time>`. A manual event may also have `dump_date`, or `from`
/// and `to`.
#[derive(Debug, Deserialize)]
pub struct Scheduled {
    /// The scheduled time, RFC 3339.
    #[serde(alias = "time")]
    pub scheduled_time: String,
    /// The day to dump. Without it, the day before the scheduled time.
    pub dump_date: Option<UtcDay>,
    /// The first of several days.
    pub from: Option<UtcDay>,
    /// The last of several days.
    pub to: Option<UtcDay>,
}

/// The result of an invocation.
#[derive(Debug, Serialize)]
pub struct Answer {
    /// The dumped days, as `readings 2026-01-02`.
    pub dumped: Vec<String>,
    /// Rows of the dumped days.
    pub rows: u64,
    /// Bytes of the dumped days' files.
    pub bytes: u64,
    /// The number of days that are left for the next run.
    pub left: usize,
    /// Records of the log's closed hours that were packed.
    pub packed: u64,
    /// Months of the log and of series that were dropped.
    pub dropped: Vec<String>,
}

/// Handles the schedule's event.
#[derive(Clone)]
pub struct Handler {
    dumper: Dumper,
}

impl Handler {
    /// Returns a handler that dumps with `dumper`.
    pub fn new(dumper: Dumper) -> Self {
        Self { dumper }
    }

    /// Handles one invocation. The event decides which days are dumped. `keep` decides which months
    /// are dropped afterwards. If a day fails, the other days are still tried, and then the first
    /// error is returned.
    pub async fn handle(
        &self,
        event: &Scheduled,
        keep: &Keep,
        now: Micros,
        time_left: Duration,
    ) -> Result<Answer, DumpError> {
        let deadline = Instant::now() + time_left.saturating_sub(ANSWER_TIME);
        let (which, today) = event.which()?;
        housekeeping(&self.dumper.store).await?;
        let outcome = self.dumper.run(which, today, now, deadline, &|_| {}).await?;
        let mut answer = Answer::of(&outcome);
        for (model, day, error) in &outcome.failed {
            tracing::error!(model, %day, %error, "a day was not dumped");
        }
        if let Some((model, day, error)) = outcome.failed.into_iter().next() {
            return Err(DumpError::Broken(format!("{model} {day} was not dumped: {error}")));
        }
        if !keep.is_forever() && answer.left == 0 {
            let retention = retain(&self.dumper, keep, now, &[], &|_| {}).await?;
            for kept in &retention.kept {
                tracing::warn!(month = kept.month_table, reason = %kept, "an old month is kept");
            }
            answer.dropped = retention.dropped.into_iter().map(|d| d.month_table).collect();
        }
        match pack_closed_hours(&self.dumper.store, deadline).await {
            Ok(packed) => answer.packed = packed.records,
            // The next run packs the same hours.
            Err(error) => tracing::warn!(%error, "cannot pack closed hours of the log"),
        }
        Ok(answer)
    }
}

impl Scheduled {
    /// Returns the days to dump, and the day of the scheduled time.
    fn which(&self) -> Result<(Which, UtcDay), DumpError> {
        let wrong = || {
            DumpError::Refused(format!(
                "scheduled_time {:?} is not RFC 3339: configure the schedule to send \
                    {{\"scheduled_time\":\"<aws.scheduler.scheduled-time>\"}}",
                self.scheduled_time.chars().take(60).collect::<String>()
            ))
        };
        let time = Micros::from_rfc3339(&self.scheduled_time).ok_or_else(wrong)?;
        let today = UtcDay::from_number(time.day()).ok_or_else(wrong)?;
        let which = match (self.dump_date, self.from, self.to) {
            (None, None, None) => Which::Daily,
            (Some(day), None, None) => Which::Day(day),
            (None, Some(from), Some(to)) => Which::Range(from, to),
            _ => {
                return Err(DumpError::Refused(
                    "give dump_date, or both from and to, or none of them".to_owned(),
                ));
            }
        };
        Ok((which, today))
    }
}

impl Answer {
    fn of(outcome: &Outcome) -> Self {
        Self {
            dumped: outcome.done.iter().map(|d| format!("{} {}", d.model, d.day)).collect(),
            rows: outcome.done.iter().map(|d| d.rows).sum(),
            bytes: outcome.done.iter().map(|d| d.bytes).sum(),
            left: outcome.left,
            packed: 0,
            dropped: Vec::new(),
        }
    }
}
