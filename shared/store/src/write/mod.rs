//! The write path, which stores a batch exactly once in effect. The steps are:
//!
//! 1. `BEGIN`, lock the batch's partitions in sorted order, and in a later statement read the
//!    settled offsets.
//! 2. Compare the settled records, decode the new ones.
//! 3. COPY the new records into the log. The upserts, the settled offsets, the changed days and
//!    `COMMIT` follow without waiting.
//!
//! After a data error everything is rolled back and repeated in parts under savepoints.

mod append;
mod attempt;
mod batch_statements;
mod bisect;
mod contradiction;
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

use crate::{
    HealthReasons, ReadRange, Report, Store, StoreError,
    archive::{Archive, NoArchive},
    plugin::Plugins,
};

pub(crate) use contradiction::Columns;
pub use contradiction::{Contradiction, Place, note};
use copy_heuristic::CopyHeuristic;
pub(crate) use days::mark as mark_days;
pub(crate) use decoded::{Decoded, DecodedRecord, NewRecords};
use failures::Refusal;
pub(crate) use failures::{add_attempt, read_schema};
use index_keys::IndexKeys;
pub(crate) use retry_record::retry_record;

/// The first wait before a retry of a batch. Each further wait is three times as long.
const BACKOFF: Duration = Duration::from_millis(100);

/// The placeholder for a topic's name in the setting of the group.
const TOPIC: &str = "{topic}";

/// Returns the consumer group that reads a topic, from a setting in which `{topic}` is replaced by
/// the topic's name.
pub fn group_of(setting: &str, topic: &str) -> String {
    setting.replace(TOPIC, topic)
}

/// Limits of the write path.
#[derive(Debug, Clone, clap::Args)]
pub struct WriteLimits {
    /// Number of retries of a batch after a transient error
    ///
    /// The retries end earlier when the time for the batch is over.
    #[arg(long, env = "MAX_RETRIES", value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(0..=100))]
    pub max_retries: u32,
}

impl Default for WriteLimits {
    fn default() -> Self {
        Self { max_retries: 3 }
    }
}

/// Writes batches of one consumer group. Cheap to clone; calls may run concurrently.
#[derive(Clone)]
pub struct Writer {
    pub(crate) store: Store,
    pub(crate) models: Models,
    pub(crate) topics: Arc<Topics>,
    pub(crate) plugins: Plugins,
    pub(crate) decoders: Vec<Arc<dyn Decoder>>,
    pub(crate) group_id: String,
    pub(crate) limits: WriteLimits,
    pub(crate) health: HealthReasons,
    pub(crate) archive: Arc<dyn Archive>,
    copy_heuristic: Arc<CopyHeuristic>,
    index_keys: Arc<OnceCell<IndexKeys>>,
}

/// The way in which the new records are written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum WriteMode {
    /// All at once, with a pipelined `COMMIT`; series that expect new keys are copied.
    CopyNewKeys,
    /// All at once, with a pipelined `COMMIT`; everything is upserted.
    Upsert,
    /// In parts under savepoints, after a data error.
    Bisect,
}

impl Writer {
    /// Creates a writer for the consumer group `group_id`.
    pub fn new(store: Store, models: Models, topics: Topics, group_id: impl Into<String>) -> Self {
        Self {
            store,
            models,
            topics: Arc::new(topics),
            plugins: Vec::new(),
            decoders: Vec::new(),
            group_id: group_id.into(),
            limits: WriteLimits::default(),
            health: HealthReasons::default(),
            archive: Arc::new(NoArchive),
            copy_heuristic: Arc::default(),
            index_keys: Arc::default(),
        }
    }

    /// Sets the plugins.
    #[must_use]
    pub fn with_plugins(mut self, plugins: Plugins) -> Self {
        self.plugins = plugins;
        self.index_keys = Arc::default();
        self
    }

    /// Sets the decoders.
    #[must_use]
    pub fn with_decoders(mut self, decoders: Vec<Arc<dyn Decoder>>) -> Self {
        self.decoders = decoders;
        self
    }

    /// Sets the reader of archived records, which a replay needs.
    #[must_use]
    pub fn with_archive(mut self, archive: Arc<dyn Archive>) -> Self {
        self.archive = archive;
        self
    }

    /// Sets the limits.
    #[must_use]
    pub fn with_limits(mut self, limits: WriteLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Returns the store of this writer.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Returns the health reasons of this process, to which readers and writers of records add.
    pub fn health(&self) -> &HealthReasons {
        &self.health
    }

    /// Returns the topics and their models.
    pub fn topics(&self) -> &Topics {
        &self.topics
    }

    /// Returns the models.
    pub fn models(&self) -> &Models {
        &self.models
    }

    /// Returns the consumer group as it is set; `{topic}` in it is a placeholder for a topic's
    /// name.
    pub fn group_id(&self) -> &str {
        &self.group_id
    }

    /// Returns the consumer group that reads a topic.
    pub fn group_of(&self, topic: &str) -> String {
        group_of(self.topics.group(topic).unwrap_or(&self.group_id), topic)
    }

    /// Returns the consumer group of a batch. If topics have separate groups, an event source
    /// mapping must have topics of one group only.
    fn group_of_batch(
        &self,
        batch: &KafkaBatch,
        read: &[ReadRange],
    ) -> Result<Cow<'_, str>, StoreError> {
        let mut topics = batch
            .coordinates()
            .map(|(topic, ..)| topic)
            .chain(read.iter().map(|range| range.topic.as_str()));
        let Some(first) =
            topics.next().filter(|_| self.group_id.contains(TOPIC) || self.topics.have_groups())
        else {
            return Ok(Cow::Borrowed(&self.group_id));
        };
        let group = self.group_of(first);
        match topics.find(|topic| *topic != first && self.group_of(topic) != group) {
            None => Ok(Cow::Owned(group)),
            Some(other) => Err(StoreError::Setting(format!(
                "the topics of one batch have different consumer groups: {first} has {group}, and \
                    {other} has {}",
                self.group_of(other)
            ))),
        }
    }

    /// Returns the enabled plugins.
    pub fn plugins(&self) -> &Plugins {
        &self.plugins
    }

    /// Stores a batch, and returns within `time_left`.
    ///
    /// After a report, every record of the batch is in `events` or in `failures`, or was settled
    /// before. After an error, the caller keeps the batch and writes it again. A repeated write
    /// stores no record twice.
    pub async fn write(
        &self,
        batch: &KafkaBatch,
        time_left: Duration,
    ) -> Result<Report, StoreError> {
        self.write_read(batch, &[], time_left).await
    }

    /// Stores a batch of a reader that follows the partitions and reports the ranges that it has
    /// read.
    ///
    /// The ranges contain no other records than those of the batch. A batch without records settles
    /// the ranges only.
    pub async fn write_read(
        &self,
        batch: &KafkaBatch,
        read: &[ReadRange],
        time_left: Duration,
    ) -> Result<Report, StoreError> {
        if batch.is_empty() && read.is_empty() {
            return Ok(Report::default());
        }
        let group_id = self.group_of_batch(batch, read)?;
        let deadline = Instant::now() + time_left;
        let mut mode = if self.copy_heuristic.expects_new_keys() {
            WriteMode::CopyNewKeys
        } else {
            WriteMode::Upsert
        };
        let mut backoff = BACKOFF;
        let mut retries = 0;
        loop {
            // At the deadline the attempt is dropped with its connection, and the server rolls
            // back.
            let attempt =
                tokio::time::timeout_at(deadline, self.attempt(batch, read, &group_id, mode)).await;
            match attempt.unwrap_or(Err(StoreError::Timeout("writing the batch"))) {
                Ok(report) => {
                    if mode == WriteMode::CopyNewKeys {
                        self.copy_heuristic.was_right();
                    }
                    for gap in &report.gaps {
                        tracing::error!(
                            metric = "gaps",
                            "gap: {gap} were never delivered, but later offsets were; run `weir \
                                reconcile` to see which records the broker still has"
                        );
                    }
                    return Ok(Report { retries, group_id: group_id.into_owned(), ..report });
                }
                Err(error) if error.is_unique_violation() && mode == WriteMode::CopyNewKeys => {
                    self.copy_heuristic.was_wrong();
                    mode = WriteMode::Upsert;
                }
                Err(error) if error.is_data() && mode != WriteMode::Bisect => {
                    tracing::warn!(%error, "data error, splitting the batch to isolate the bad \
                        records");
                    mode = WriteMode::Bisect;
                }
                Err(error)
                    if error.is_transient()
                        && retries < self.limits.max_retries
                        && Instant::now() + backoff < deadline =>
                {
                    tracing::warn!(%error, retries, "transient error, retrying the batch");
                    self.store.forget_idle();
                    tokio::time::sleep(backoff).await;
                    backoff *= 3;
                    retries += 1;
                }
                Err(error) => {
                    self.note_contradiction(&error).await;
                    return Err(error);
                }
            }
        }
    }

    /// Stores a contradiction as a row, which stays until the reset, regardless of the batch.
    async fn note_contradiction(&self, error: &StoreError) {
        let StoreError::Contradiction { topic, partition, offset } = error else { return };
        let (first, end) = (*offset, offset + 1);
        let what = "the broker's record is already stored with different content: the topic was \
                recreated or truncated"
            .to_owned();
        let found = Contradiction { topic: topic.clone(), partition: *partition, first, end, what };
        if let Err(error) = note(self, &[found]).await {
            tracing::warn!(%error, "cannot store the contradiction; the next attempt tries it \
                again");
        }
    }

    /// Reads the index columns of plugins and of external models once. Decoding needs them.
    pub(crate) async fn read_index_keys(&self) -> Result<(), StoreError> {
        self.index_keys
            .get_or_try_init(|| IndexKeys::read(&self.store, &self.models, &self.plugins))
            .await
            .map(drop)
    }

    /// Returns the decoder of a topic, if a plugin has one.
    pub(crate) fn decoder(&self, topic: &str) -> Option<&dyn Decoder> {
        self.decoders.iter().find(|d| d.decodes(topic)).map(AsRef::as_ref)
    }
}
