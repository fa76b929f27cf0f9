//! `weir replay`: rebuilds a projection or a plugin's tables from the log, without Kafka.
//!
//! Without a filter, a projection is emptied and rebuilt in one transaction that holds the locks of
//! its partitions. Readers see the old rows until the commit. Ingest of these topics waits; its
//! batches fail with a transient error and are delivered again.
//!
//! With `--topic` or `--from`, or if retention has removed a part of the log without an archive, no
//! table is emptied. Rows are then only replaced by newer ones, chunk by chunk.
//!
//! Archived records are read, and never changed: a former skip in the archive becomes a row of the
//! projection, and stays a skip in the archive.

mod chunk;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use tokio_postgres::types::Type;
use weir_model::{Micros, Model, Table};

use crate::{
    DatabasePlugin, Reapply, StoreError, Tx, Writer,
    log::{self, LogPosition, LogReader, LogRecord},
    reset::lock_stream,
    tx::TypedParam,
};
pub(crate) use chunk::apply;

/// The records to replay.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Only this topic.
    pub topic: Option<String>,
    /// Only records that arrived at or after this time.
    pub from: Option<Micros>,
}

impl Selection {
    /// Returns whether the whole log is selected.
    fn is_whole(&self) -> bool {
        self.topic.is_none() && self.from.is_none()
    }
}

/// The result of a replay.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replayed {
    /// Records read from the log.
    pub records: u64,
    /// The number of events among them.
    pub events: u64,
    /// Former skips that are events now.
    pub promoted: u64,
    /// Records that the model rejects now; their rows in the log are not changed.
    pub refused: u64,
    /// Whether the projection was emptied first.
    pub rebuilt: bool,
}

impl Replayed {
    fn add(&mut self, other: Self) {
        self.records += other.records;
        self.events += other.events;
        self.promoted += other.promoted;
        self.refused += other.refused;
    }
}

/// The part of a replay that one call does.
#[derive(Debug, Clone, Default)]
pub struct Part {
    /// Where the part begins, and what was replayed before; `None` for the first part.
    pub after: Option<(LogPosition, Replayed)>,
    /// No chunk begins after this time. A rebuild is one transaction, and ignores it.
    pub deadline: Option<Instant>,
}

impl Part {
    fn is_over(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }
}

/// A callback with the number of finished records and the total.
pub type Progress<'p> = &'p (dyn Fn(u64, u64) + Sync);

/// The plan of a replay of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The topics whose records are read.
    pub topics: Vec<String>,
    /// Records in the log.
    pub records: u64,
    /// Tables that are emptied first; empty if rows are only updated.
    pub emptied: Vec<&'static str>,
}

/// Returns the plan of [`model`], without running it.
pub async fn plan(writer: &Writer, name: &str, selection: &Selection) -> Result<Plan, StoreError> {
    let model = find(writer, name)?;
    let topics = topics_of(writer, name, selection)?;
    let streams = streams(writer, &topics).await?;
    let records = log::count(&writer.store, &streams, selection.from).await?;
    let connection = writer.store.connect().await?;
    let removed = !connection
        .client()
        .query_typed(ANY_REMOVED, &[(&streams, Type::INT4_ARRAY)])
        .await?
        .is_empty();
    let emptied = if selection.is_whole() && !removed && model.clear().is_some() {
        model.tables().to_vec()
    } else {
        Vec::new()
    };
    Ok(Plan { topics, records, emptied })
}

fn find<'w>(writer: &'w Writer, name: &str) -> Result<&'w dyn Model, StoreError> {
    let model = writer.models.get(name).map(AsRef::as_ref);
    model.ok_or_else(|| {
        StoreError::Refused(format!(
            "unknown model {name:?}; the models are: {}",
            writer.models.names()
        ))
    })
}

/// Replays a model's topics through its decoder into its projection.
pub async fn model(
    writer: &Writer,
    name: &str,
    selection: &Selection,
    progress: Progress<'_>,
) -> Result<Replayed, StoreError> {
    Ok(model_part(writer, name, selection, &Part::default(), progress).await?.0)
}

/// Works as [`model`], and ends after the part. Returns the result so far, and the position of the
/// next part; `None` at the end.
pub async fn model_part(
    writer: &Writer,
    name: &str,
    selection: &Selection,
    part: &Part,
    progress: Progress<'_>,
) -> Result<(Replayed, Option<LogPosition>), StoreError> {
    let model = find(writer, name)?;
    writer.read_index_keys().await?;
    let topics = topics_of(writer, name, selection)?;
    let streams = streams(writer, &topics).await?;
    let total = log::count(&writer.store, &streams, selection.from).await?;
    let may_rebuild = selection.is_whole() && part.after.is_none();
    let rebuilt = match model.clear().filter(|_| may_rebuild) {
        Some(clear) => rebuild(writer, model, clear, &topics, total, progress).await?,
        None => None,
    };
    match rebuilt {
        Some(done) => Ok((done, None)),
        None => catch_up(writer, &streams, selection, part, total, progress).await,
    }
}

/// Calls a plugin's `reapply` for every stream of the bound topics.
pub async fn plugin(
    writer: &Writer,
    name: &str,
    progress: Progress<'_>,
) -> Result<usize, StoreError> {
    let plugin = switched_on(writer, name)?;
    let topics: Vec<String> = writer.topics.iter().map(|(topic, _)| topic.to_owned()).collect();
    let streams = streams(writer, &topics).await?;
    let total = u64::try_from(streams.len()).unwrap_or(u64::MAX);
    for (done, stream) in (0..).zip(&streams) {
        progress(done, total);
        writer
            .store
            .transaction("reapply", |tx| async move {
                tx.batch("SET LOCAL statement_timeout = 0").await?;
                lock_stream(&tx, *stream).await?;
                plugin
                    .reapply(&tx, Reapply::Stream(*stream))
                    .await
                    .map_err(|error| StoreError::Plugin { name: name.to_owned(), error })
            })
            .await?;
    }
    progress(total, total);
    Ok(streams.len())
}

/// Returns the plugin of that name, which must be enabled.
pub fn switched_on<'w>(
    writer: &'w Writer,
    name: &str,
) -> Result<&'w dyn DatabasePlugin, StoreError> {
    let known = || writer.plugins.iter().map(|p| p.name()).collect::<Vec<_>>().join(", ");
    let plugin = writer.plugins.iter().find(|p| p.name() == name).map(AsRef::as_ref);
    plugin.ok_or_else(|| {
        StoreError::Refused(format!(
            "plugin {name:?} is not enabled; --plugins enables: {}",
            known()
        ))
    })
}

fn topics_of(
    writer: &Writer,
    model: &str,
    selection: &Selection,
) -> Result<Vec<String>, StoreError> {
    let bound = writer.topics.of_model(model);
    match &selection.topic {
        None if bound.is_empty() => Err(StoreError::Refused(format!(
            "no topic is bound to model {model}: bind one with --topics"
        ))),
        None => Ok(bound),
        Some(topic) if bound.contains(topic) => Ok(vec![topic.clone()]),
        Some(topic) => Err(StoreError::Refused(format!(
            "topic {topic} is not bound to model {model}; the topics of this model are: {}",
            bound.join(", ")
        ))),
    }
}

/// All streams of these topics, of any group and epoch, because the projection contains rows of all
/// of them.
const STREAMS_OF_TOPICS: &str =
    "-- streams_of_topics\nSELECT id FROM streams WHERE topic = ANY ($1) ORDER BY id";

async fn streams(writer: &Writer, topics: &[String]) -> Result<Vec<i32>, StoreError> {
    let connection = writer.store.connect().await?;
    let rows =
        connection.client().query_typed(STREAMS_OF_TOPICS, &[(&topics, Type::TEXT_ARRAY)]).await?;
    rows.iter().map(|row| Ok(row.try_get("id")?)).collect()
}

async fn streams_now(tx: &Tx, topics: &[String]) -> Result<Vec<i32>, StoreError> {
    let rows = tx.query(STREAMS_OF_TOPICS, &[(&topics, Type::TEXT_ARRAY)]).await?;
    rows.iter().map(|row| Ok(row.try_get("id")?)).collect()
}

/// Finds out whether retention has removed a part of the log that is not in the archive.
const ANY_REMOVED: &str = include_str!("../sql/any_removed.sql");

async fn removed(tx: &Tx, streams: &[i32]) -> Result<bool, StoreError> {
    let params: [TypedParam<'_>; 1] = [(&streams, Type::INT4_ARRAY)];
    Ok(!tx.query(ANY_REMOVED, &params).await?.is_empty())
}

/// Marks every day with rows as changed, because a day also changes when the replay does not
/// restore all its rows.
async fn mark_days_of(tx: &Tx, model: &dyn Model) -> Result<(), StoreError> {
    if let Some(Table { schema, name, day: Some(day), .. }) = model.table() {
        let params: [TypedParam<'_>; 4] = [
            (&model.name(), Type::TEXT),
            (&schema, Type::TEXT),
            (&name, Type::TEXT),
            (&day, Type::NAME),
        ];
        tx.query(include_str!("../sql/mark_days_of.sql"), &params).await?;
    }
    Ok(())
}

/// Returns `None` if retention has removed a part of the log, because the emptied projection would
/// lose rows.
async fn rebuild(
    writer: &Writer,
    model: &dyn Model,
    clear: &'static str,
    topics: &[String],
    total: u64,
    progress: Progress<'_>,
) -> Result<Option<Replayed>, StoreError> {
    writer
        .store
        .transaction("rebuild", |tx| async move {
            tx.batch("SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0").await?;
            for stream in &streams_now(&tx, topics).await? {
                lock_stream(&tx, *stream).await?;
            }
            // Checked after the locks, which retention takes too. So a removal that delayed the
            // locks is seen here.
            if removed(&tx, &streams_now(&tx, topics).await?).await? {
                return Ok(None);
            }
            mark_days_of(&tx, model).await?;
            tx.batch(clear).await?;
            // The streams are read again, because a stream may have got its first batch in the
            // meantime, and its rows were deleted by `clear`, too.
            let streams = streams_now(&tx, topics).await?;
            let mut log = LogReader::open(&writer.store, &*writer.archive, &streams, None, LogPosition::default()).await?;
            let mut done = Replayed { rebuilt: true, ..Replayed::default() };
            while let Some(records) = log.next().await? {
                done.add(chunk::write(writer, &tx, &records).await?);
                progress(done.records, total);
            }
            Ok(Some(done))
        })
        .await
}

async fn catch_up(
    writer: &Writer,
    streams: &[i32],
    selection: &Selection,
    part: &Part,
    total: u64,
    progress: Progress<'_>,
) -> Result<(Replayed, Option<LogPosition>), StoreError> {
    let (after, mut done) = part.after.clone().unwrap_or_default();
    let archive = &*writer.archive;
    let mut log = LogReader::open(&writer.store, archive, streams, selection.from, after).await?;
    while let Some(records) = log.next().await? {
        let records = &records;
        let replayed = writer
            .store
            .transaction("catch_up", |tx| async move {
                lock_partitions(&tx, records).await?;
                chunk::write(writer, &tx, records).await
            })
            .await?;
        done.add(replayed);
        progress(done.records, total);
        if part.is_over() {
            return Ok((done, Some(log.position().clone())));
        }
    }
    Ok((done, None))
}

async fn lock_partitions(tx: &Tx, records: &[LogRecord]) -> Result<(), StoreError> {
    let mut places: Vec<(i32, i32)> = records.iter().map(|r| (r.stream, r.partition)).collect();
    places.sort_unstable();
    places.dedup();
    let (streams, partitions): (Vec<i32>, Vec<i32>) = places.into_iter().unzip();
    let params: [TypedParam<'_>; 2] =
        [(&streams, Type::INT4_ARRAY), (&partitions, Type::INT4_ARRAY)];
    tx.query(include_str!("../sql/lock_places.sql"), &params).await?;
    Ok(())
}
