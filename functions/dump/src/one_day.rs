//! Dumps one day of one model, from the table to the manifest.

use std::collections::BTreeMap;

use futures_util::future::{try_join, try_join_all};
use tokio::time::Instant;
use tokio_postgres::{Client, types::Type};
use weir_blob::{Blobs, Format, Layout, Manifest, ManifestFile, Offsets, UtcDay, layout};
use weir_model::{Micros, Models, ProjectionKind};
use weir_store::{Connection, Store};

use crate::{
    DumpError, WRITER,
    freshness::{self, BegunRow, DayLock, DumpRecord},
    read::{Snapshot, current, open_second, parts},
    row_stats::{self, OffsetRanges, RowStats},
    table::DumpTable,
    write::write_files,
};

/// The day to dump, and its destination.
pub(crate) struct DayJob<'j> {
    pub(crate) models: &'j Models,
    pub(crate) blobs: &'j Blobs,
    pub(crate) model: &'j str,
    pub(crate) day: UtcDay,
    pub(crate) formats: &'j [Format],
    /// The time that is written into the manifest.
    pub(crate) now: Micros,
    /// The replica that the rows are read from.
    pub(crate) reader: Option<&'j Store>,
    pub(crate) deadline: Instant,
    /// Receives the number of rows so far.
    pub(crate) progress: &'j (dyn Fn(u64) + Sync),
}

/// Dumps the day. After Ok the day is complete and has a manifest. After an error it has no
/// manifest and counts as stale.
pub(crate) async fn dump(store: &Store, job: &DayJob<'_>) -> Result<Manifest, DumpError> {
    let DayJob { blobs, model, day, .. } = *job;
    let destination = blobs.url().to_string();
    let folders = layout::folders(model, day);
    // A new connection takes some milliseconds, so none is opened after another, and the one that
    // has read the settings is used again.
    let (lock, connection) =
        try_join(DayLock::take(store, model, day), async { Ok(store.connect_or_take().await?) })
            .await?;
    let client = connection.client();
    let replica = match job.reader {
        Some(reader) => open_replica(reader, model, day).await,
        None => None,
    };

    let begun = async {
        freshness::refuse_removed(client, model, day).await?;
        // Before the row that the replica must have: see `freshness`.
        let visible = if replica.is_some() { current(client).await? } else { String::new() };
        let version = freshness::begin(client, &destination, model, day).await?;
        blobs.delete_manifest(model, day).await?;
        let swept = sweep(blobs, &folders).await?;
        if swept > 0 {
            tracing::info!(model, %day, swept, "removed the files of a dump that was killed");
        }
        let row = BegunRow { destination: &destination, model, day, version: &version };
        let on_replica = match &replica {
            Some(replica) => Snapshot::begin_on_replica(replica.client(), visible, &row).await?,
            None => None,
        };
        let is_late = replica.is_some() && on_replica.is_none();
        if is_late {
            tracing::warn!(model, %day, "the replica is too far behind; the dump reads the database");
        }
        let snapshot = match on_replica {
            Some(snapshot) => snapshot,
            None => Snapshot::begin(client).await?,
        };
        let table = DumpTable::describe(snapshot.client(), job.models, model).await?;
        Ok::<_, DumpError>((snapshot, table))
    };
    // Only a series can have a key that two connections can read.
    // A second connection to a replica may lead to another replica.
    let is_series = replica.is_none()
        && job.models.get(model).is_some_and(|m| m.kind() == ProjectionKind::Series);
    let second = async { Ok(if is_series { open_second(store).await } else { None }) };
    let ((mut snapshot, table), second) = try_join(begun, second).await?;
    if let Some(second) = second.filter(|_| table.time_key().is_some()) {
        snapshot.begin_second(second).await?;
    }
    let manifest = write_day(&snapshot, &table, job).await?;
    let visible = snapshot.visible.clone();
    snapshot.end().await?;
    remove_others(blobs, &folders, &manifest).await?;
    // Removes an upload that was begun twice, because the first answer was lost.
    sweep(blobs, &folders).await?;
    lock.check().await?;
    blobs.put(&Layout::Tables.manifest(model, day), manifest.to_json()).await?;
    let record = DumpRecord {
        snapshot: &visible,
        rows: manifest.rows,
        bytes: manifest.bytes,
        dumped_at: job.now,
    };
    freshness::record(client, &destination, model, day, &record).await?;
    Ok(manifest)
}

/// Opens a connection to the replica. `None` when it does not answer; then the dump reads the
/// database.
async fn open_replica(reader: &Store, model: &str, day: UtcDay) -> Option<Connection> {
    let opened = reader.connect_or_take().await;
    opened
        .inspect_err(|error| {
            tracing::warn!(model, %day, %error, "the replica does not answer; the dump reads the \
                database");
        })
        .ok()
}

/// Reads the day in the snapshot and writes its files.
async fn write_day(
    snapshot: &Snapshot<'_>,
    table: &DumpTable,
    job: &DayJob<'_>,
) -> Result<Manifest, DumpError> {
    let client = snapshot.client();
    let mut manifest = Manifest::new(job.model, job.day, WRITER, job.now.rfc3339_millis());
    (manifest.schema, manifest.key) = (table.schema(), table.key_names());
    let mut offsets = OffsetRanges::new();
    for part in parts(client, table, job.day).await? {
        let before = manifest.rows;
        let progress = |rows| (job.progress)(before + rows);
        let (files, stats) =
            write_files(snapshot, job.blobs, &part, job.formats, job.deadline, &progress).await?;
        add(&mut manifest, &mut offsets, files, &stats);
    }
    manifest.offsets = name_offsets(client, &offsets).await?;
    Ok(manifest)
}

fn add(
    manifest: &mut Manifest,
    offsets: &mut OffsetRanges,
    files: Vec<ManifestFile>,
    stats: &RowStats,
) {
    manifest.rows += stats.rows;
    manifest.bytes += files.iter().map(|f| f.bytes).sum::<u64>();
    manifest.files.extend(files);
    for (partition, range) in &stats.offsets {
        row_stats::include(offsets, *partition, *range);
    }
}

/// Returns the offsets with the names of their streams, sorted.
async fn name_offsets(client: &Client, offsets: &OffsetRanges) -> Result<Vec<Offsets>, DumpError> {
    let mut streams: Vec<i32> = offsets.keys().map(|(stream, _)| *stream).collect();
    streams.dedup();
    let rows = client
        .query_typed(include_str!("sql/name_streams.sql"), &[(&streams, Type::INT4_ARRAY)])
        .await?;
    let mut named = BTreeMap::<i32, (String, String, i32)>::new();
    for row in &rows {
        named.insert(
            row.try_get("id")?,
            (row.try_get("topic")?, row.try_get("group_id")?, row.try_get("epoch")?),
        );
    }
    let name = |((stream, partition), (first, last)): (&(i32, i32), &(i64, i64))| {
        let (topic, group_id, epoch) = named.get(stream).cloned().unwrap_or_default();
        Offsets {
            stream: *stream,
            topic,
            group_id,
            epoch,
            partition: *partition,
            first: *first,
            last: *last,
        }
    };
    Ok(offsets.iter().map(name).collect())
}

/// Removes what killed writers left in these folders, and returns the number of the leftovers.
async fn sweep(blobs: &Blobs, folders: &[String]) -> Result<usize, DumpError> {
    Ok(try_join_all(folders.iter().map(|folder| blobs.sweep(folder))).await?.into_iter().sum())
}

/// Deletes files of an earlier dump that this dump did not write, for example of another format or
/// layout, or of a topic without records.
async fn remove_others(
    blobs: &Blobs,
    folders: &[String],
    manifest: &Manifest,
) -> Result<(), DumpError> {
    let written: Vec<String> = manifest.files.iter().map(|file| manifest.path(file)).collect();
    let found = try_join_all(folders.iter().map(|folder| blobs.list(folder))).await?;
    for object in found.into_iter().flatten() {
        if layout::has_rows(&object.path) && !written.contains(&object.path) {
            blobs.delete(&object.path).await?;
        }
    }
    Ok(())
}
