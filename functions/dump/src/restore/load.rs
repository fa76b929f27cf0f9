//! Loads one file into the table with COPY.

use bytes::Bytes;
use futures_util::SinkExt;
use tokio::sync::mpsc;
use tokio_postgres::Client;
use weir_blob::ManifestFile;
use weir_model::copy_rows::{HEADER, TRAILER};

use super::{decode, streams::LogOffsets};
use crate::{
    DumpError,
    copy_format::Batch,
    row_stats::RowStats,
    table::{CopyIn, DumpTable},
};

/// Loads a file and returns the number of its rows. Adds the offsets of the log's records to
/// `offsets`.
pub(super) async fn load(
    client: &Client,
    table: &DumpTable,
    file: &ManifestFile,
    local: std::fs::File,
    mut offsets: Option<&mut LogOffsets>,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<u64, DumpError> {
    let CopyIn { before, copy, after } = table.copy_in(client).await?;
    if let Some(before) = before {
        client.batch_execute(&before).await?;
    }
    let (sender, mut batches) = mpsc::channel::<Batch>(2);
    let (format, columns) = (file.format, table.columns.clone());
    let decoding = tokio::task::spawn_blocking(move || {
        decode(local, format, &columns, &mut |batch| {
            sender.blocking_send(batch).map_err(|_| DumpError::Broken("the load ended".to_owned()))
        })
    });
    let mut sink = Box::pin(client.copy_in::<_, Bytes>(&copy).await?);
    sink.send(Bytes::from_static(HEADER)).await?;
    let mut stats = RowStats::new(table.columns.len(), None);
    while let Some(batch) = batches.recv().await {
        stats.add(&batch)?;
        if let Some(offsets) = offsets.as_deref_mut() {
            offsets.add(table, &batch)?;
        }
        progress(stats.rows);
        sink.send(batch.data).await?;
    }
    decoding.await.map_err(|e| DumpError::Broken(e.to_string())).flatten()?;
    sink.send(Bytes::from_static(TRAILER)).await?;
    sink.as_mut().finish().await?;
    if stats.rows != file.rows || stats.content() != file.content {
        return Err(DumpError::Differs(format!(
            "{} has {} rows, but its manifest has {} rows with other content: no row was loaded",
            file.name, stats.rows, file.rows
        )));
    }
    if let Some(after) = after {
        client.batch_execute(&after).await?;
    }
    Ok(stats.rows)
}
