//! Writes the rows of a part into files of all formats at once. Each batch goes to the thread of
//! each encoder, and the bytes of each encoder go to an upload. The channels between them are
//! short, so the slowest step limits the speed and memory stays constant.

use std::sync::Arc;

use tokio::{
    sync::mpsc::{self, Receiver, Sender},
    task::JoinHandle,
    time::Instant,
};
use weir_blob::{BlobError, Blobs, Format, ManifestFile, Upload, layout};

use super::{Chunk, Encoder, Output, Written, encoder};
use crate::{
    DumpError,
    copy_format::Batch,
    read::{Part, Snapshot, read_rows},
    row_stats::RowStats,
};

/// Number of batches that wait for an encoder, and of chunks that wait for an upload.
const WAITING: usize = 2;

enum Input {
    Rows(Arc<Batch>),
    /// All rows were sent. If the channel closes without this message, the file is abandoned.
    End,
}

struct FileTask {
    file: ManifestFile,
    rows: Sender<Input>,
    encoding: JoinHandle<Result<Written, DumpError>>,
    upload: JoinHandle<Result<(), BlobError>>,
}

/// Writes the files of a part. After Ok the files exist under their names. After an error, none of
/// these files exists. Reports the number of rows so far to `progress`.
pub(crate) async fn write_files(
    snapshot: &Snapshot<'_>,
    blobs: &Blobs,
    part: &Part<'_>,
    formats: &[Format],
    deadline: Instant,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<(Vec<ManifestFile>, RowStats), DumpError> {
    let mut tasks = Vec::with_capacity(formats.len());
    for format in formats {
        tasks.push(begin(*format, part, blobs)?);
    }
    let read =
        read_rows(snapshot, part, deadline, progress, |batch| send_batch(batch, &tasks)).await;
    if read.is_ok() {
        for task in &tasks {
            // An encoder that cannot receive the message has failed. Its error is reported below.
            let _ = task.rows.send(Input::End).await;
        }
    }
    let mut files = Vec::new();
    let (mut failed_upload, mut failed_encoding) = (None, None);
    for FileTask { file, rows, encoding, upload } in tasks {
        drop(rows);
        let (written, uploaded) = (encoding.await, upload.await);
        let uploaded =
            uploaded.map_err(|e| DumpError::Broken(e.to_string())).and_then(|sent| Ok(sent?));
        failed_upload = failed_upload.or(uploaded.err());
        match written.map_err(|e| DumpError::Broken(e.to_string())).flatten() {
            Ok(Written { bytes, sha256 }) => files.push(ManifestFile { bytes, sha256, ..file }),
            Err(error) => failed_encoding = failed_encoding.or(Some(error)),
        }
    }
    // Returns the cause and not its consequences. A lost database connection stops the encoders. A
    // failed upload stops its encoder, which stops the reading.
    let stats = match (read, failed_upload.or(failed_encoding)) {
        (Err(error @ (DumpError::Store(_) | DumpError::Late(_))), _)
        | (_, Some(error))
        | (Err(error), None) => return Err(error),
        (Ok(stats), None) => stats,
    };
    for file in &mut files {
        (file.rows, file.content) = (stats.rows, stats.content());
    }
    Ok((files, stats))
}

fn begin(format: Format, part: &Part<'_>, blobs: &Blobs) -> Result<FileTask, DumpError> {
    let name = layout::file(format, part.day, part.topic.as_deref());
    let upload = blobs.upload(&[&part.table.model, "/", &name].concat());
    let (rows, input) = mpsc::channel(WAITING);
    let (chunks, bytes) = mpsc::channel(WAITING);
    let encoder = encoder(format, &part.table.columns, Output::new(chunks))?;
    let encoding = tokio::task::spawn_blocking(move || encode(encoder, input));
    let file = ManifestFile {
        name,
        format,
        topic: part.topic.clone(),
        rows: 0,
        bytes: 0,
        sha256: String::new(),
        content: String::new(),
    };
    Ok(FileTask { file, rows, encoding, upload: tokio::spawn(send_file(upload, bytes)) })
}

fn encode(mut encoder: Box<dyn Encoder>, mut input: Receiver<Input>) -> Result<Written, DumpError> {
    while let Some(next) = input.blocking_recv() {
        match next {
            Input::Rows(batch) => encoder.batch(&batch)?,
            Input::End => return encoder.finish(),
        }
    }
    Err(DumpError::Broken("the rows ended too early".to_owned()))
}

async fn send_file(mut upload: Upload, mut chunks: Receiver<Chunk>) -> Result<(), BlobError> {
    loop {
        match chunks.recv().await {
            Some(Chunk::Bytes(bytes)) => {
                if let Err(error) = upload.write(bytes).await {
                    upload.abort().await;
                    return Err(error);
                }
            }
            Some(Chunk::End) => return upload.finish().await,
            None => {
                upload.abort().await;
                return Ok(());
            }
        }
    }
}

async fn send_batch(batch: Arc<Batch>, tasks: &[FileTask]) -> Result<(), DumpError> {
    for task in tasks {
        task.rows
            .send(Input::Rows(batch.clone()))
            .await
            .map_err(|_| DumpError::Broken("cannot write a file".to_owned()))?;
    }
    Ok(())
}
