//! `weir dump verify`: reads the files of a day again and compares them with their manifest and
//! with the table.

use tokio::{sync::mpsc, time::Instant};
use tokio_postgres::Client;
use weir_blob::{Blobs, Format, Manifest, UtcDay, layout};
use weir_model::{Micros, Models};
use weir_store::Store;

use crate::{
    DumpError,
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
    // The lock prevents a dump of the day at the same time.
    let _lock = DayLock::take(store, model, day).await?;
    let connection = store.connect().await?;
    let client = connection.client();
    let manifest = fetch_manifest(blobs, model, day).await?;
    let table = DumpTable::describe(client, models, model).await?;
    // A column that was added after the dump is not compared.
    let table = table.with_columns(&columns(&table, &manifest)?);
    let folder = layout::day(model, day);
    let (total, mut before) = (manifest.rows * (manifest.files.len() as u64 + 1), 0);
    for file in &manifest.files {
        let local = fetch(blobs, &folder, file).await?;
        let read =
            read_again(local, file.format, &table, &|rows| progress(before + rows, total)).await?;
        before += read.rows;
        if read.rows != file.rows || read.content() != file.content {
            let path = [&folder, "/", &file.name].concat();
            return Err(DumpError::Differs(format!(
                "{path} has {} rows with checksum {}, but its manifest has {} with {}",
                read.rows,
                read.content(),
                file.rows,
                file.content
            )));
        }
    }
    if table.is_state() {
        return Ok((manifest, Found::StateOfThen));
    }
    if freshness::is_removed(client, model, day).await? {
        return Ok((manifest, Found::Removed));
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
            Ok((manifest, Found::Equal))
        }
        (false, Standing::Stale | Standing::Missing) => Ok((manifest, Found::Stale)),
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
    progress: &(dyn Fn(u64) + Sync),
) -> Result<RowStats, DumpError> {
    let (sender, mut counts) = mpsc::channel(2);
    let columns = table.columns.clone();
    let decoding = tokio::task::spawn_blocking(move || {
        let mut stats = RowStats::new(columns.len(), None);
        decode(local, format, &columns, &mut |batch| {
            stats.add(&batch)?;
            sender
                .blocking_send(stats.rows)
                .map_err(|_| DumpError::Broken("the verification ended".to_owned()))
        })
        .map(|()| stats)
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
