//! `weir dump verify`: a day's files are read again, whole, and held against their manifest and against the table.

use std::sync::Arc;

use tokio::{sync::mpsc, time::Instant};
use tokio_postgres::Client;
use weir_blob::{Blobs, Day, Format, Manifest, layout};
use weir_model::{Micros, Models};
use weir_store::Store;

use crate::{
    DumpError,
    decode::decode,
    fetch,
    ledger::Ledger,
    reading::{Part, read},
    restore::columns,
    rows::Batch,
    snapshot::Snapshot,
    source::Source,
    stale::{self, Standing},
};

/// What a verification found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// Files, manifest and table hold the same rows.
    Equal,
    /// Files and manifest agree, and the table has moved on since, as it is noted that it has: the next run dumps the day again.
    Stale,
    /// Files and manifest agree; the table is the state of now, and was not compared.
    StateOfThen,
}

/// Verifies a day. Whatever is not as it should be is the error; files and table that differ without a note, too.
pub async fn verify(
    store: &Store,
    models: &Models,
    blobs: &Blobs,
    model: &str,
    day: Day,
    now: Micros,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<(Manifest, Found), DumpError> {
    let connection = store.connect().await?;
    let client = connection.client();
    // No dump of the day goes on meanwhile.
    stale::lock(client, model, day).await?;
    let manifest = fetch::manifest(blobs, model, day).await?;
    let source = Source::describe(client, models, model).await?;
    let source = source.with_columns(&columns(&source, &manifest)?);
    let folder = layout::day(model, day);
    let (total, mut before) = (manifest.rows * (manifest.files.len() as u64 + 1), 0);
    for file in &manifest.files {
        let local = fetch::fetch(blobs, &folder, file).await?;
        let read = read_again(local, file.format, &source, &|rows| progress(before + rows, total)).await?;
        before += read.rows;
        if read.rows != file.rows || read.content() != file.content {
            let path = [&folder, "/", &file.name].concat();
            return Err(DumpError::Differs(format!(
                "{path} holds {} rows with checksum {}, and its manifest says {} with {}",
                read.rows,
                read.content(),
                file.rows,
                file.content
            )));
        }
    }
    if source.is_state() {
        return Ok((manifest, Found::StateOfThen));
    }
    let equal = compare(store, client, models, &manifest, &source, &|rows| progress(before + rows, total)).await?;
    let destination = blobs.url().to_string();
    let state = stale::states(client, &destination, &[model.to_owned()], day, day).await?;
    let standing = state.first().map_or(Standing::Missing, |s| s.standing);
    match (equal, standing) {
        (true, _) => {
            if let Some(dumped_at) = Micros::from_rfc3339(&manifest.dumped_at) {
                stale::record_verified(client, &destination, model, day, dumped_at, now).await?;
            }
            Ok((manifest, Found::Equal))
        }
        (false, Standing::Stale | Standing::Missing) => Ok((manifest, Found::Stale)),
        (false, Standing::Dumped) => Err(DumpError::Differs(format!(
            "{model} {day} differs from the table, and no change of it was noted: was the table changed by hand? \
             `weir dump --dump-date {day} --models {model}` dumps it again"
        ))),
    }
}

async fn read_again(local: std::fs::File, format: Format, source: &Source, progress: &(dyn Fn(u64) + Sync)) -> Result<Ledger, DumpError> {
    let (give, mut batches) = mpsc::channel::<Arc<Batch>>(2);
    let columns = source.columns.clone();
    let decoding = tokio::task::spawn_blocking(move || {
        let mut ledger = Ledger::new(columns.len(), None);
        decode(local, format, &columns, &mut |batch| {
            ledger.batch(&batch)?;
            give.blocking_send(Arc::new(batch)).map_err(|_| DumpError::Broken("the reading ended".to_owned()))
        })
        .map(|()| ledger)
    });
    let mut rows = 0;
    while let Some(batch) = batches.recv().await {
        rows += batch.rows as u64;
        progress(rows);
    }
    decoding.await.map_err(|e| DumpError::Broken(e.to_string())).flatten()
}

/// Whether the table gives the manifest's rows, file by file.
async fn compare(
    store: &Store,
    client: &Client,
    models: &Models,
    manifest: &Manifest,
    source: &Source,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<bool, DumpError> {
    let far = Instant::now() + std::time::Duration::from_hours(24);
    let whole = Source::describe(client, models, &manifest.model).await?;
    // A column that came later is no row that changed.
    let source = if whole.columns.len() == source.columns.len() { whole } else { source.clone() };
    let mut snapshot = Snapshot::begin(client).await?;
    snapshot.begin_second_for(&source, store).await?;
    let parts = crate::one_day::parts(client, &manifest.model, manifest.day).await?;
    let mut equal = true;
    let mut topics = 0;
    for (topic, streams) in parts {
        let part = Part { source: &source, day: manifest.day, streams };
        let ledger = read(&snapshot, &part, far, progress, |_| std::future::ready(Ok(()))).await?;
        let file = manifest.files.iter().find(|f| f.topic == topic);
        topics += 1;
        equal &= file.map_or(ledger.rows == 0, |f| f.rows == ledger.rows && f.content == ledger.content());
    }
    snapshot.end().await?;
    Ok(equal && topics >= manifest.parts().len())
}
