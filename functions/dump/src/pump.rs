//! One COPY into all formats at once: the server's rows go to an encoder's thread each, their files to an upload each, through
//! channels that hold little, so that the slowest sets the pace and memory stays as it is.

use std::sync::Arc;

use futures_util::TryStreamExt;
use tokio::{
    sync::mpsc::{self, Receiver, Sender},
    task::JoinHandle,
    time::{Instant, timeout_at},
};
use tokio_postgres::Client;
use weir_blob::{BlobError, Blobs, File, Format, Upload};

use crate::{
    DumpError,
    encode::{Encoder, Output, Piece, Written, encoder},
    ledger::Ledger,
    rows::{Batch, Batcher},
    source::Source,
};

/// Batches that wait for an encoder, pieces that wait for an upload.
const WAITING: usize = 2;

/// A part of a day: one COPY, a file in each format.
pub struct Part<'p> {
    /// The statement.
    pub copy: String,
    /// What it gives.
    pub source: &'p Source,
    /// Which topic of the log.
    pub topic: Option<String>,
    /// The formats, and the names of the files in the day's folder.
    pub files: Vec<(Format, String)>,
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

/// Copies a part. When it answers with Ok, its files stand under their names; with an error, none of those that were begun
/// does. Hears of every batch's rows by `progress`.
pub async fn pump(
    client: &Client,
    blobs: &Blobs,
    part: &Part<'_>,
    deadline: Instant,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<(Vec<File>, Ledger), DumpError> {
    let mut writing = Vec::with_capacity(part.files.len());
    for (format, name) in &part.files {
        writing.push(begin(*format, part.source, blobs.upload(&[part.folder, "/", name].concat()))?);
    }
    let read = read(client, &part.copy, part.source, &writing, deadline, progress).await;
    if read.is_ok() {
        for one in &writing {
            // One that is not heard has failed, and says so below.
            let _ = one.rows.send(Given::End).await;
        }
    }
    let mut files = Vec::new();
    let (mut failed_upload, mut failed_encoding) = (None, None);
    for (one, (format, name)) in writing.into_iter().zip(&part.files) {
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
                topic: part.topic.clone(),
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

/// The rows of a COPY, only looked at.
pub async fn read_only(
    client: &Client,
    copy: &str,
    source: &Source,
    deadline: Instant,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Ledger, DumpError> {
    read(client, copy, source, &[], deadline, progress).await
}

/// Reads the COPY to its end.
async fn read(
    client: &Client,
    copy: &str,
    source: &Source,
    writing: &[Writing],
    deadline: Instant,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Ledger, DumpError> {
    let late = |_| DumpError::Late(source.model.clone());
    let mut ledger = Ledger::new(source.columns.len(), source.position());
    let mut batcher = Batcher::new();
    let mut rows = Box::pin(timeout_at(deadline, client.copy_out(copy)).await.map_err(late)??);
    while let Some(message) = timeout_at(deadline, rows.try_next()).await.map_err(late)?? {
        if let Some(batch) = batcher.push(&message)? {
            timeout_at(deadline, give(batch, writing, &mut ledger)).await.map_err(late)??;
            progress(ledger.rows);
        }
    }
    if let Some(batch) = batcher.take() {
        timeout_at(deadline, give(batch, writing, &mut ledger)).await.map_err(late)??;
    }
    progress(ledger.rows);
    if !batcher.ended() {
        return Err(DumpError::Broken("the database ended a COPY without its end".to_owned()));
    }
    // Still ours? The lock of the day goes with the connection: without it somebody else may be writing these names.
    client.batch_execute("-- still_here\nSELECT 1").await?;
    Ok(ledger)
}

async fn give(batch: Batch, writing: &[Writing], ledger: &mut Ledger) -> Result<(), DumpError> {
    let batch = Arc::new(batch);
    for one in writing {
        one.rows.send(Given::Rows(batch.clone())).await.map_err(|_| DumpError::Broken("a file could not be written".to_owned()))?;
    }
    ledger.batch(&batch)
}
