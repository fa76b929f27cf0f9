//! The rows of a part into all formats at once: batches go to an encoder's thread each, files to an upload each, through channels that
//! hold little, so that the slowest sets the pace and memory stays as it is.

use std::sync::Arc;

use tokio::{
    sync::mpsc::{self, Receiver, Sender},
    task::JoinHandle,
    time::Instant,
};
use weir_blob::{BlobError, Blobs, File, Format, Upload};

use crate::{
    DumpError,
    encode::{Encoder, Output, Piece, Written, encoder},
    ledger::Ledger,
    reading::{Part, read},
    rows::Batch,
    snapshot::Snapshot,
    source::Source,
};

/// Batches that wait for an encoder, pieces that wait for an upload.
const WAITING: usize = 2;

/// The files that a part is written to.
pub struct Files<'p> {
    /// Which topic of the log.
    pub topic: Option<String>,
    /// The formats, and the names of the files in the day's folder.
    pub names: Vec<(Format, String)>,
    /// The day's folder.
    pub folder: &'p str,
}

/// What an encoder hears.
enum Given {
    Rows(Arc<Batch>),
    /// These were all. A channel that closes without it means that the file is not to be.
    End,
}

struct Writing {
    rows: Sender<Given>,
    encoding: JoinHandle<Result<Written, DumpError>>,
    upload: JoinHandle<Result<(), BlobError>>,
}

/// Writes a part. When it answers with Ok, its files stand under their names; with an error, none of those that were begun
/// does. Hears of every batch's rows by `progress`.
pub async fn pump(
    snapshot: &Snapshot<'_>,
    blobs: &Blobs,
    part: &Part<'_>,
    files: Files<'_>,
    deadline: Instant,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<(Vec<File>, Ledger), DumpError> {
    let Files { topic, names, folder } = files;
    let mut writing = Vec::with_capacity(names.len());
    for (format, name) in &names {
        writing.push(begin(*format, part.source, blobs.upload(&[folder, "/", name].concat()))?);
    }
    let read = read(snapshot, part, deadline, progress, |batch| give(batch, &writing)).await;
    if read.is_ok() {
        for one in &writing {
            // One that is not heard has failed, and says so below.
            let _ = one.rows.send(Given::End).await;
        }
    }
    let mut files = Vec::new();
    let (mut failed_upload, mut failed_encoding) = (None, None);
    for (one, (format, name)) in writing.into_iter().zip(&names) {
        drop(one.rows);
        let (written, uploaded) = (one.encoding.await, one.upload.await);
        match uploaded.map_err(|e| DumpError::Broken(e.to_string())) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => failed_upload = failed_upload.or(Some(DumpError::Blob(error))),
            Err(error) => failed_upload = failed_upload.or(Some(error)),
        }
        match written.map_err(|e| DumpError::Broken(e.to_string())).flatten() {
            Ok(Written { bytes, sha256 }) => files.push(File {
                name: name.clone(),
                format: *format,
                topic: topic.clone(),
                rows: 0,
                bytes,
                sha256,
                content: String::new(),
            }),
            Err(error) => failed_encoding = failed_encoding.or(Some(error)),
        }
    }
    // The cause first: a database that broke off stops the encoders, an upload that failed stops its encoder and that the reading.
    let ledger = match (read, failed_upload.or(failed_encoding)) {
        (Err(error @ (DumpError::Store(_) | DumpError::Late(_))), _) | (_, Some(error)) | (Err(error), None) => return Err(error),
        (Ok(ledger), None) => ledger,
    };
    for file in &mut files {
        (file.rows, file.content) = (ledger.rows, ledger.content());
    }
    Ok((files, ledger))
}

fn begin(format: Format, source: &Source, upload: Upload) -> Result<Writing, DumpError> {
    let (rows, given) = mpsc::channel(WAITING);
    let (pieces, bytes) = mpsc::channel(WAITING);
    let encoder = encoder(format, &source.columns, Output::new(pieces))?;
    let encoding = tokio::task::spawn_blocking(move || encode(encoder, given));
    Ok(Writing { rows, encoding, upload: tokio::spawn(send(upload, bytes)) })
}

fn encode(mut encoder: Box<dyn Encoder>, mut given: Receiver<Given>) -> Result<Written, DumpError> {
    while let Some(next) = given.blocking_recv() {
        match next {
            Given::Rows(batch) => encoder.batch(&batch)?,
            Given::End => return encoder.finish(),
        }
    }
    Err(DumpError::Broken("the rows ended early".to_owned()))
}

async fn send(mut upload: Upload, mut bytes: Receiver<Piece>) -> Result<(), BlobError> {
    loop {
        match bytes.recv().await {
            Some(Piece::Bytes(bytes)) => {
                if let Err(error) = upload.write(bytes).await {
                    upload.abort().await;
                    return Err(error);
                }
            }
            Some(Piece::End) => return upload.finish().await,
            None => {
                upload.abort().await;
                return Ok(());
            }
        }
    }
}

async fn give(batch: Arc<Batch>, writing: &[Writing]) -> Result<(), DumpError> {
    for one in writing {
        one.rows.send(Given::Rows(batch.clone())).await.map_err(|_| DumpError::Broken("a file could not be written".to_owned()))?;
    }
    Ok(())
}
