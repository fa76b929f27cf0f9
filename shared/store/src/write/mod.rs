//! The write path: a batch becomes rows, exactly once in effect. DESIGN.md says why it is so; in short:
//!
//! 1. `BEGIN`, lock the batch's partitions in sorted order, and in a later statement read what is settled.
//! 2. Compare what is settled, decode what is new.
//! 3. COPY the new records into the log; pipelined behind it the upserts, what is settled now, the changed
//!    days, and `COMMIT`.
//!
//! On a data error everything is rolled back and done again in parts under savepoints.

mod attempt;
mod batch_statements;
mod bisect;
mod copy_events;
mod copy_heuristic;
mod days;
mod decoded;
mod dedupe;
mod failures;
mod index_keys;
mod lock_partitions;
mod partition_work;
mod pipelined;
mod register_partitions;
mod retry_record;
mod save_progress;
mod verify_checksums;

use std::{borrow::Cow, sync::Arc, time::Duration};

use tokio::{sync::OnceCell, time::Instant};
use weir_model::{Decoder, KafkaBatch, Models, Topics};

use crate::{Report, Store, StoreError, plugin::Plugins};

use copy_heuristic::CopyHeuristic;
pub(crate) use days::mark as mark_days;
pub(crate) use decoded::{Decoded, DecodedRecord, NewRecords};
use failures::Refusal;
pub(crate) use failures::{add_attempt, read_schema};
use index_keys::IndexKeys;
pub(crate) use retry_record::retry_record;

/// The first wait before a batch is tried again; each next one is three times as long.
const BACKOFF: Duration = Duration::from_millis(100);

/// What stands for a topic's name in the setting of the group.
const TOPIC: &str = "{topic}";

/// The consumer group that reads a topic, of a setting in which `{topic}` stands for its name.
pub fn group_of(setting: &str, topic: &str) -> String {
    setting.replace(TOPIC, topic)
}

/// Limits of the write path.
#[derive(Debug, Clone, clap::Args)]
pub struct WriteLimits {
    /// How often a batch that failed for a passing reason is tried again in place, while time is left
    #[arg(long, env = "MAX_RETRIES", value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(0..=100))]
    pub max_retries: u32,
}

impl Default for WriteLimits {
    fn default() -> Self {
        Self { max_retries: 3 }
    }
}

/// Writes batches of one consumer group. Cheap to clone; calls may run at the same time.
#[derive(Clone)]
pub struct Writer {
    pub(crate) store: Store,
    pub(crate) models: Models,
    pub(crate) topics: Arc<Topics>,
    pub(crate) plugins: Plugins,
    pub(crate) decoders: Vec<Arc<dyn Decoder>>,
    pub(crate) group_id: String,
    pub(crate) limits: WriteLimits,
    copy_heuristic: Arc<CopyHeuristic>,
    index_keys: Arc<OnceCell<IndexKeys>>,
}

/// How the new records are written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum WriteMode {
    /// All at once, `COMMIT` pipelined; series that expect new keys are copied.
    CopyNewKeys,
    /// All at once, `COMMIT` pipelined, everything upserted.
    Upsert,
    /// Bisected under savepoints, after a data error.
    Bisect,
}

impl Writer {
    /// A writer for the consumer group `group_id`.
    pub fn new(store: Store, models: Models, topics: Topics, group_id: impl Into<String>) -> Self {
        Self {
            store,
            models,
            topics: Arc::new(topics),
            plugins: Vec::new(),
            decoders: Vec::new(),
            group_id: group_id.into(),
            limits: WriteLimits::default(),
            copy_heuristic: Arc::default(),
            index_keys: Arc::default(),
        }
    }

    /// With these plugins.
    #[must_use]
    pub fn with_plugins(mut self, plugins: Plugins) -> Self {
        self.plugins = plugins;
        self.index_keys = Arc::default();
        self
    }

    /// With these decoders.
    #[must_use]
    pub fn with_decoders(mut self, decoders: Vec<Arc<dyn Decoder>>) -> Self {
        self.decoders = decoders;
        self
    }

    /// With these limits.
    #[must_use]
    pub fn with_limits(mut self, limits: WriteLimits) -> Self {
        self.limits = limits;
        self
    }

    /// The store it writes to.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Which topic is whose.
    pub fn topics(&self) -> &Topics {
        &self.topics
    }

    /// The models.
    pub fn models(&self) -> &Models {
        &self.models
    }

    /// The consumer group, as the setting has it: `{topic}` in it stands for a topic's name.
    pub fn group_id(&self) -> &str {
        &self.group_id
    }

    /// The consumer group that reads a topic.
    pub fn group_of(&self, topic: &str) -> String {
        group_of(&self.group_id, topic)
    }

    /// The consumer group of a batch. Where each topic has a group of its own, an event source mapping has one topic.
    fn group_of_batch(&self, batch: &KafkaBatch) -> Result<Cow<'_, str>, StoreError> {
        let mut topics = batch.coordinates().map(|(topic, ..)| topic);
        let Some(first) = topics.next().filter(|_| self.group_id.contains(TOPIC)) else {
            return Ok(Cow::Borrowed(&self.group_id));
        };
        match topics.find(|topic| *topic != first) {
            None => Ok(Cow::Owned(self.group_of(first))),
            Some(other) => Err(StoreError::Setting(format!(
                "--group-id (GROUP_ID) {} gives each topic a group, and one batch has records of {first} and {other}",
                self.group_id
            ))),
        }
    }

    /// The plugins that are switched on.
    pub fn plugins(&self) -> &Plugins {
        &self.plugins
    }

    /// Stores a batch. When it answers with a report, every record of the batch is in `events`, in `failures`, or
    /// was settled before. When it answers with an error, the caller keeps the batch and gives it again:
    /// whatever reached the database meanwhile, nothing is stored twice. Returns within `time_left`.
    pub async fn write(&self, batch: &KafkaBatch, time_left: Duration) -> Result<Report, StoreError> {
        if batch.is_empty() {
            return Ok(Report::default());
        }
        let group_id = self.group_of_batch(batch)?;
        let deadline = Instant::now() + time_left;
        let mut mode = if self.copy_heuristic.expects_new_keys() { WriteMode::CopyNewKeys } else { WriteMode::Upsert };
        let mut backoff = BACKOFF;
        let mut retries = 0;
        loop {
            // Dropped at the deadline, the attempt drops its connection, and the server rolls back.
            let attempt = tokio::time::timeout_at(deadline, self.attempt(batch, &group_id, mode)).await;
            match attempt.unwrap_or(Err(StoreError::Timeout("writing the batch"))) {
                Ok(report) => {
                    if mode == WriteMode::CopyNewKeys {
                        self.copy_heuristic.was_right();
                    }
                    return Ok(Report { retries, group_id: group_id.into_owned(), ..report });
                }
                Err(error) if error.is_unique_violation() && mode == WriteMode::CopyNewKeys => {
                    self.copy_heuristic.was_wrong();
                    mode = WriteMode::Upsert;
                }
                Err(error) if error.is_data() && mode != WriteMode::Bisect => {
                    tracing::warn!(%error, "data error: going through the batch in parts");
                    mode = WriteMode::Bisect;
                }
                Err(error) if error.is_transient() && retries < self.limits.max_retries && Instant::now() + backoff < deadline => {
                    tracing::warn!(%error, retries, "passing trouble: trying the batch again");
                    self.store.forget_idle();
                    tokio::time::sleep(backoff).await;
                    backoff *= 3;
                    retries += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Reads, once, what the indexes of plugins and of models from outside take. Decoding asks for it.
    pub(crate) async fn read_index_keys(&self) -> Result<(), StoreError> {
        self.index_keys.get_or_try_init(|| IndexKeys::read(&self.store, &self.models, &self.plugins)).await.map(drop)
    }

    /// The decoder that the plugin list has for a topic.
    pub(crate) fn decoder(&self, topic: &str) -> Option<&dyn Decoder> {
        self.decoders.iter().find(|d| d.decodes(topic)).map(AsRef::as_ref)
    }
}
