//! One day of one model, from the table to the manifest.

use std::collections::BTreeMap;

use tokio::time::Instant;
use tokio_postgres::{Client, types::Type};
use weir_blob::{Blobs, Day, File, Format, Manifest, Offsets, layout};
use weir_model::{Micros, Models};
use weir_store::Store;

use crate::{
    DumpError, LOG, WRITER,
    ledger::Ledger,
    pump::{Files, pump},
    reading::Part,
    snapshot::Snapshot,
    source::{self, Source},
    stale::{self, Param, Recorded},
};

/// What to dump, and to where.
pub struct Job<'j> {
    /// The models.
    pub models: &'j Models,
    /// Where to.
    pub blobs: &'j Blobs,
    /// The model.
    pub model: &'j str,
    /// The day.
    pub day: Day,
    /// The formats.
    pub formats: &'j [Format],
    /// What the manifest says of when.
    pub now: Micros,
    /// The latest moment for it to be done.
    pub deadline: Instant,
    /// Hears of the rows so far.
    pub progress: &'j (dyn Fn(u64) + Sync),
}

/// Dumps it. When it answers with Ok, the day stands whole under its manifest; with an error, without a manifest, and it counts as
/// stale.
pub async fn dump(store: &Store, job: &Job<'_>) -> Result<Manifest, DumpError> {
    let Job { blobs, model, day, .. } = *job;
    let destination = blobs.url().to_string();
    let folder = layout::day(model, day);
    let manifest_path = [&folder, "/", layout::MANIFEST].concat();
    let connection = store.connect().await?;
    let client = connection.client();

    stale::lock(client, model, day).await?;
    stale::begin(client, &destination, model, day).await?;
    blobs.delete(&manifest_path).await?;
    let swept = blobs.sweep(&folder).await?;
    if swept > 0 {
        tracing::info!(model, %day, swept, "what a killed dump left behind was removed");
    }
    let mut snapshot = Snapshot::begin(client).await?;
    let manifest = read(store, &mut snapshot, job, &folder).await?;
    let visible = snapshot.visible.clone();
    snapshot.end().await?;
    remove_others(blobs, &folder, &manifest).await?;
    // An upload whose beginning was asked for twice, since the first answer was lost.
    blobs.sweep(&folder).await?;
    // The lock is the connection's: is it still there?
    client.batch_execute("-- still_here\nSELECT 1").await?;
    blobs.put(&manifest_path, manifest.to_json()).await?;
    let recorded = Recorded { snapshot: &visible, rows: manifest.rows, bytes: manifest.bytes, dumped_at: job.now };
    stale::record(client, &destination, model, day, &recorded).await?;
    Ok(manifest)
}

/// Reads the day in the snapshot, and writes its files.
async fn read(store: &Store, snapshot: &mut Snapshot<'_>, job: &Job<'_>, folder: &str) -> Result<Manifest, DumpError> {
    let day = job.day;
    let source = &Source::describe(snapshot.client(), job.models, job.model).await?;
    snapshot.begin_second_for(source, store).await?;
    let client = snapshot.client();
    let mut manifest = Manifest::new(job.model, day, WRITER, job.now.rfc3339_millis());
    (manifest.schema, manifest.key) = (source.schema(), source.key_names());
    let mut offsets = BTreeMap::new();
    for (topic, streams) in parts(client, job.model, day).await? {
        let names = job.formats.iter().map(|format| (*format, layout::file(topic.as_deref(), *format))).collect();
        let (part, files) = (Part { source, day, streams }, Files { topic, names, folder });
        let before = manifest.rows;
        let (files, ledger) = pump(snapshot, job.blobs, &part, files, job.deadline, &|rows| (job.progress)(before + rows)).await?;
        add(&mut manifest, &mut offsets, files, &ledger);
    }
    manifest.offsets = name_offsets(client, &offsets).await?;
    Ok(manifest)
}

/// A model's table is one part; the log has one for each topic of which records arrived.
pub(crate) async fn parts(client: &Client, model: &str, day: Day) -> Result<Vec<(Option<String>, Option<Vec<i32>>)>, DumpError> {
    if model != LOG {
        return Ok(vec![(None, None)]);
    }
    let (begin, end) = source::bounds(day);
    let params: [Param<'_>; 2] = [(&begin, Type::TIMESTAMPTZ), (&end, Type::TIMESTAMPTZ)];
    let rows = client.query_typed(include_str!("sql/log_streams.sql"), &params).await?;
    rows.iter().map(|row| Ok((Some(row.try_get(0)?), Some(row.try_get(1)?)))).collect()
}

fn add(manifest: &mut Manifest, offsets: &mut BTreeMap<(i32, i32), (i64, i64)>, files: Vec<File>, ledger: &Ledger) {
    manifest.rows += ledger.rows;
    manifest.bytes += files.iter().map(|f| f.bytes).sum::<u64>();
    manifest.files.extend(files);
    for (place, (first, last)) in &ledger.offsets {
        let known = offsets.entry(*place).or_insert((*first, *last));
        *known = (known.0.min(*first), known.1.max(*last));
    }
}

/// The offsets with their streams' names, sorted.
async fn name_offsets(client: &Client, offsets: &BTreeMap<(i32, i32), (i64, i64)>) -> Result<Vec<Offsets>, DumpError> {
    let mut streams: Vec<i32> = offsets.keys().map(|(stream, _)| *stream).collect();
    streams.dedup();
    let rows = client.query_typed(include_str!("sql/name_streams.sql"), &[(&streams, Type::INT4_ARRAY)]).await?;
    let mut named = BTreeMap::new();
    for row in &rows {
        named.insert(row.try_get::<_, i32>(0)?, (row.try_get::<_, String>(1)?, row.try_get::<_, String>(2)?, row.try_get::<_, i32>(3)?));
    }
    let name = |((stream, partition), (first, last)): (&(i32, i32), &(i64, i64))| {
        let (topic, group_id, epoch) = named.get(stream).cloned().unwrap_or_default();
        Offsets { stream: *stream, topic, group_id, epoch, partition: *partition, first: *first, last: *last }
    };
    Ok(offsets.iter().map(name).collect())
}

/// Files of an earlier dump that this one did not write again: of another format, of a topic that has no records any more.
async fn remove_others(blobs: &Blobs, folder: &str, manifest: &Manifest) -> Result<(), DumpError> {
    for object in blobs.list(folder).await? {
        let name = object.path.strip_prefix(folder).and_then(|n| n.strip_prefix('/')).unwrap_or_default();
        if layout::is_file(name) && !manifest.files.iter().any(|f| f.name == name) {
            blobs.delete(&object.path).await?;
        }
    }
    Ok(())
}
