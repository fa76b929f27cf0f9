//! `weir dump verify`: reads the files of a day again and compares them with their manifest and
//! with the table.

use tokio::{sync::mpsc, time::Instant};
use tokio_postgres::Client;
use weir_blob::{Blobs, Format, Manifest, UtcDay};
use weir_model::{Micros, Models};
use weir_store::{
    Store,
    archive::{NewDay, NewFile},
};

use crate::{
    DumpError, LOG,
    archive::FileStats,
    freshness::{self, DayLock, Standing},
    read::{Snapshot, open_second, parts, read_rows},
    restore::{columns, decode, fetch, fetch_manifest},
    row_stats::RowStats,
    table::DumpTable,
};

/// The result of a verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// Files, manifest and table contain the same rows.
    Equal,
    /// Files and manifest are equal. The table has changed after the dump and the change is
    /// recorded, so the next run dumps the day again.
    Stale,
    /// Files and manifest are equal. The table has the present state, so it was not compared.
    StateOfThen,
    /// Files and manifest are equal. Retention removed the rows of the day.
    Removed,
}

/// Verifies a day. Returns an error when files and manifest differ, or when files and table differ
/// without a recorded change.
pub async fn verify(
    store: &Store,
    models: &Models,
    blobs: &Blobs,
    model: &str,
    day: UtcDay,
    now: Micros,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<(Manifest, Found), DumpError> {
    let verified = verify_day(store, models, blobs, model, day, now, progress).await?;
    Ok((verified.manifest, verified.found))
}

/// A verified day.
pub(crate) struct Verified {
    pub(crate) manifest: Manifest,
    pub(crate) found: Found,
    /// The Parquet files, for a day of the log.
    pub(crate) files: Vec<NewFile>,
}

impl Verified {
    /// Returns the day for the archive. `None` if a topic has no Parquet file.
    pub(crate) fn archivable(self) -> Option<NewDay> {
        let is_whole = self.files.len() == self.manifest.parts().len();
        let dumped_at = Micros::from_rfc3339(&self.manifest.dumped_at)?;
        let day = self.manifest.day.number();
        is_whole.then_some(NewDay { day, dumped_at, files: self.files })
    }
}

/// Verifies a day, as [`verify`] does.
pub(crate) async fn verify_day(
    store: &Store,
    models: &Models,
    blobs: &Blobs,
    model: &str,
    day: UtcDay,
    now: Micros,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<Verified, DumpError> {
    // The lock prevents a dump of the day at the same time.
    let _lock = DayLock::take(store, model, day).await?;
    let connection = store.connect().await?;
    let client = connection.client();
    let manifest = fetch_manifest(blobs, model, day).await?;
    let table = DumpTable::describe(client, models, model).await?;
    // A column that was added after the dump is not compared.
    let table = table.with_columns(&columns(&table, &manifest)?);
    let (total, mut before) = (manifest.rows * (manifest.files.len() as u64 + 1), 0);
    let mut files = Vec::new();
    for file in &manifest.files {
        let local = fetch(blobs, &manifest, file).await?;
        let wants_stats = model == LOG && file.format == Format::Parquet;
        let stats = wants_stats.then(|| FileStats::of(&table)).flatten();
        let (read, stats) =
            read_again(local, file.format, &table, stats, &|rows| progress(before + rows, total))
                .await?;
        files.extend(stats.and_then(|stats| stats.file(&manifest, file)));
        before += read.rows;
        if read.rows != file.rows || read.content() != file.content {
            return Err(DumpError::Differs(format!(
                "{} has {} rows with checksum {}, but its manifest has {} with {}",
                manifest.path(file),
                read.rows,
                read.content(),
                file.rows,
                file.content
            )));
        }
    }
    if table.is_state() {
        return Ok(Verified { manifest, found: Found::StateOfThen, files });
    }
    if freshness::is_removed(client, model, day).await? {
        return Ok(Verified { manifest, found: Found::Removed, files });
    }
    let equal =
        compare(store, client, &manifest, &table, &|rows| progress(before + rows, total)).await?;
    let destination = blobs.url().to_string();
    let state = freshness::states(client, &destination, &[model.to_owned()], day, day).await?;
    let standing = state.first().map_or(Standing::Missing, |s| s.standing);
    match (equal, standing) {
        (true, _) => {
            if let Some(dumped_at) = Micros::from_rfc3339(&manifest.dumped_at) {
                freshness::record_verified(client, &destination, model, day, dumped_at, now)
                    .await?;
            }
            Ok(Verified { manifest, found: Found::Equal, files })
        }
        (false, Standing::Stale | Standing::Missing) => {
            Ok(Verified { manifest, found: Found::Stale, files })
        }
        (false, Standing::Dumped) => Err(DumpError::Differs(format!(
            "{model} {day} differs from the table, but no change of the day was recorded; the \
                table was probably changed manually: run `weir dump --dump-date {day} --models \
                {model}` to dump the day again"
        ))),
    }
}

async fn read_again(
    local: std::fs::File,
    format: Format,
    table: &DumpTable,
    mut of_log: Option<FileStats>,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<(RowStats, Option<FileStats>), DumpError> {
    let (sender, mut counts) = mpsc::channel(2);
    let columns = table.columns.clone();
    let decoding = tokio::task::spawn_blocking(move || {
        let mut stats = RowStats::new(columns.len(), None);
        decode(local, format, &columns, &mut |batch| {
            stats.add(&batch)?;
            if let Some(of_log) = &mut of_log {
                of_log.add(&batch)?;
            }
            sender
                .blocking_send(stats.rows)
                .map_err(|_| DumpError::Broken("the verification ended".to_owned()))
        })
        .map(|()| (stats, of_log))
    });
    while let Some(rows) = counts.recv().await {
        progress(rows);
    }
    decoding.await.map_err(|e| DumpError::Broken(e.to_string())).flatten()
}

/// Returns whether the table has the rows of the manifest, part by part.
async fn compare(
    store: &Store,
    client: &Client,
    manifest: &Manifest,
    table: &DumpTable,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<bool, DumpError> {
    let far = Instant::now() + std::time::Duration::from_hours(24);
    let mut snapshot = Snapshot::begin(client).await?;
    if table.time_key().is_some()
        && let Some(second) = open_second(store).await
    {
        snapshot.begin_second(second).await?;
    }
    let parts = parts(client, table, manifest.day).await?;
    let mut equal = parts.len() >= manifest.parts().len();
    for part in &parts {
        let stats =
            read_rows(&snapshot, part, far, progress, |_| std::future::ready(Ok(()))).await?;
        let file = manifest.files.iter().find(|f| f.topic == part.topic);
        equal &=
            file.map_or(stats.rows == 0, |f| f.rows == stats.rows && f.content == stats.content());
    }
    snapshot.end().await?;
    Ok(equal)
}
