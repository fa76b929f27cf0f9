//! A run: selects the days, dumps one after the other, and reports the result of each.

use std::time::Duration;

use tokio::time::Instant;
use tracing::{Instrument, info_span};
use weir_blob::{Blobs, Format, UtcDay};
use weir_model::{Micros, Models, ProjectionKind};
use weir_store::Store;

use crate::{
    DumpConfig, DumpError, LOG,
    freshness::{self, Standing},
    one_day::{self, DayJob},
};

/// Number of attempts at a day that fails with transient errors.
const TRIES: u32 = 3;
const BACKOFF: Duration = Duration::from_millis(500);
/// Maximum number of days of a range.
const DAYS_MAX: i32 = 3660;

/// Dumps days.
#[derive(Clone)]
pub struct Dumper {
    /// The database.
    pub store: Store,
    /// A replica of the database, from which days are read.
    pub reader: Option<Store>,
    /// The models that the program knows.
    pub models: Models,
    /// The destination.
    pub blobs: Blobs,
    /// The names of the models that are dumped.
    pub names: Vec<String>,
    /// The formats of the files.
    pub formats: Vec<Format>,
}

/// The days of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// The day before `today`, and every earlier day that is stale or missing.
    Daily,
    /// Every earlier day that is stale or missing. It continues [`Daily`](Self::Daily).
    Due,
    /// One day.
    Day(UtcDay),
    /// The days from the first to the last, both included. State models are left out, because their
    /// past state is not known.
    Range(UtcDay, UtcDay),
}

/// A dumped day.
#[derive(Debug, Clone)]
pub struct Done {
    /// The model.
    pub model: String,
    /// The day.
    pub day: UtcDay,
    /// Rows of the dump.
    pub rows: u64,
    /// Bytes of the dump's files.
    pub bytes: u64,
}

/// The result of a run.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Dumped days.
    pub done: Vec<Done>,
    /// Days that could not be dumped, each with the error.
    pub failed: Vec<(String, UtcDay, DumpError)>,
    /// State models that were not dumped, because the existing snapshot of an earlier day is kept.
    pub kept: Vec<(String, UtcDay)>,
    /// Number of days that were not begun before the deadline. The next run dumps them.
    pub left: usize,
}

/// The progress of a run.
#[derive(Debug, Clone, Copy)]
pub enum Progress<'p> {
    /// A day begins: the model, the day, its number in the run, and the number of days.
    Day(&'p str, UtcDay, usize, usize),
    /// The number of rows of the day so far.
    Rows(u64),
}

impl Dumper {
    /// Returns a dumper with these settings. It opens the destination, but sends no request yet.
    pub fn new(store: Store, models: &Models, config: &DumpConfig) -> Result<Self, DumpError> {
        let names = config.models(models)?;
        Ok(Self {
            store,
            reader: None,
            models: models.clone(),
            blobs: Blobs::create(config.url()?)?,
            names,
            formats: config.formats(),
        })
    }

    /// Reads the days from a replica of the database, if there is one.
    #[must_use]
    pub fn with_reader(self, reader: Option<Store>) -> Self {
        Self { reader, ..self }
    }

    /// Runs the dumps. `today` is the day of the scheduled time, and only earlier days are dumped.
    /// No day begins after the deadline.
    pub async fn run(
        &self,
        which: Which,
        today: UtcDay,
        now: Micros,
        deadline: Instant,
        progress: &(dyn Fn(Progress<'_>) + Sync),
    ) -> Result<Outcome, DumpError> {
        let mut outcome = Outcome::default();
        // The manifest stores milliseconds, so the time is cut to milliseconds here.
        let now = Micros(now.0.div_euclid(1000) * 1000);
        let days = self.days(which, today, &mut outcome).await?;
        // Fails before the first day when the bucket does not exist or belongs to someone else.
        // Some servers accept files for any bucket.
        self.blobs.folders("").await?;
        for (n, (model, day)) in days.iter().enumerate() {
            if Instant::now() >= deadline {
                outcome.left = days.len() - n;
                break;
            }
            progress(Progress::Day(model, *day, n + 1, days.len()));
            match self.one(model, *day, now, deadline, &|rows| progress(Progress::Rows(rows))).await
            {
                Ok(done) => {
                    tracing::debug!(model, %day, rows = done.rows, bytes = done.bytes, "dumped");
                    outcome.done.push(done);
                }
                Err(DumpError::Late(_)) => {
                    outcome.left = days.len() - n;
                    break;
                }
                Err(error) => {
                    tracing::debug!(model, %day, %error, "a day was not dumped");
                    outcome.failed.push((model.clone(), *day, error));
                }
            }
        }
        Ok(outcome)
    }

    /// Dumps one day and retries after transient errors.
    async fn one(
        &self,
        model: &str,
        day: UtcDay,
        now: Micros,
        deadline: Instant,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<Done, DumpError> {
        let mut job = DayJob {
            reader: self.reader.as_ref(),
            models: &self.models,
            blobs: &self.blobs,
            model,
            day,
            formats: &self.formats,
            now,
            deadline,
            progress,
        };
        let mut backoff = BACKOFF;
        for attempt in 1.. {
            match one_day::dump(&self.store, &job).instrument(info_span!("dump", model, %day)).await
            {
                Ok(manifest) => {
                    return Ok(Done {
                        model: model.to_owned(),
                        day,
                        rows: manifest.rows,
                        bytes: manifest.bytes,
                    });
                }
                Err(error)
                    if error.is_transient()
                        && attempt < TRIES
                        && Instant::now() + backoff < deadline =>
                {
                    tracing::debug!(model, %day, %error, attempt, "transient error, retrying the \
                        day");
                    // A replica cancels a long read that delays its own work.
                    job.reader = None;
                    tokio::time::sleep(backoff).await;
                    backoff *= 2;
                }
                Err(error) => return Err(error),
            }
        }
        unreachable!("the loop ends by returning")
    }

    /// Returns the days of a run, each with its model. The newest day is the first, so that
    /// yesterday does not wait for years of old days.
    async fn days(
        &self,
        which: Which,
        today: UtcDay,
        outcome: &mut Outcome,
    ) -> Result<Vec<(String, UtcDay)>, DumpError> {
        let yesterday = today.before();
        let (first, last) = match which {
            Which::Daily | Which::Due => (yesterday, yesterday),
            Which::Day(day) => (day, day),
            Which::Range(from, to) => (from, to),
        };
        if last >= today {
            return Err(DumpError::Refused(format!(
                "{last} is not over yet: the last day that can be dumped is {yesterday}"
            )));
        }
        if first > last {
            return Err(DumpError::Refused(format!(
                "{first} is later than {last}: give the earlier day as --from"
            )));
        }
        if last.number() - first.number() >= DAYS_MAX {
            return Err(DumpError::Refused(format!(
                "{first} to {last} are more than {DAYS_MAX} days: give a shorter range"
            )));
        }
        let (states, series): (Vec<String>, Vec<String>) =
            self.names.iter().cloned().partition(|name| self.is_state(name));
        let connection = self.store.connect().await?;
        // A removed day that is named alone is an error when its turn comes.
        let removed = match which {
            Which::Day(_) => Vec::new(),
            _ => freshness::removals(connection.client()).await?,
        };
        let is_removed = |model: &str, day: UtcDay| {
            removed.iter().any(|(of, days)| of == model && days.contains(&day.number()))
        };
        let mut days = Vec::new();
        let mut day = (which != Which::Due).then_some(last);
        while let Some(this) = day {
            let there = series.iter().filter(|model| !is_removed(model, this));
            days.extend(there.map(|model| (model.clone(), this)));
            day = (this != first).then(|| this.before());
        }
        if !matches!(which, Which::Range(..)) {
            for model in states {
                // The table has only the present state. An existing dump of an earlier day is not
                // overwritten with it.
                let there = (last != yesterday || which == Which::Due)
                    && self.blobs.find_manifest(&model, last).await?.is_some();
                match there {
                    true if which == Which::Due => {}
                    true => outcome.kept.push((model, last)),
                    false => days.push((model, last)),
                }
            }
        }
        if matches!(which, Which::Daily | Which::Due) {
            let destination = self.blobs.url().to_string();
            let known =
                freshness::states(connection.client(), &destination, &series, UtcDay::FIRST, last)
                    .await?;
            let due = known.into_iter().filter(|k| k.standing != Standing::Dumped);
            // The daily run dumps the newest day anyway.
            let due = due.filter(|k| which == Which::Due || k.day != last);
            days.extend(due.map(|k| (k.model, k.day)));
        }
        Ok(days)
    }

    /// Returns whether a model has current state without days.
    pub fn is_state(&self, name: &str) -> bool {
        name != LOG && self.models.get(name).is_some_and(|m| m.kind() == ProjectionKind::State)
    }
}
