//! Reads archived files as a replay does: all records, file by file.

use std::sync::Arc;

use tokio::sync::mpsc;
use weir_blob::Blobs;
use weir_store::{
    StoreError,
    archive::{Archive, ArchivedFile, Chunks},
};

use crate::{ArchiveError, columns::LogFile, files::Files};

/// Number of chunks that wait for the reader.
const WAITING: usize = 2;

/// Reads archived days of the log. Cheap to clone.
#[derive(Clone)]
pub struct ArchiveReader(pub(crate) Arc<Files>);

impl ArchiveReader {
    /// Returns a reader of the archive in this object store. Without an object store, reading any
    /// file is an error.
    pub fn new(blobs: Option<Blobs>) -> Self {
        Self(Arc::new(Files::new(blobs)))
    }

    async fn send_all(self, files: Vec<ArchivedFile>, sender: &Sender) -> Result<(), ArchiveError> {
        for file in files {
            if sender.is_closed() {
                break;
            }
            let copy = self.0.fetch(&file).await?;
            let file = Arc::new(file);
            let (of, sender) = (file.clone(), sender.clone());
            let read = tokio::task::spawn_blocking(move || {
                let mut send = |records| sender.blocking_send(Ok((of.clone(), records))).is_ok();
                LogFile::open(copy).and_then(|opened| opened.each_chunk(&mut send))
            });
            // A panic of the decoder is an error of the file, too.
            let read = read.await.map_err(|error| ArchiveError::Stopped(error.to_string()))?;
            read.map_err(|fault| ArchiveError::undecodable(&file, &fault))?;
        }
        Ok(())
    }
}

type Sender =
    mpsc::Sender<Result<(Arc<ArchivedFile>, Vec<weir_store::archive::ArchivedRecord>), StoreError>>;

impl Archive for ArchiveReader {
    fn read(&self, files: Vec<ArchivedFile>) -> Chunks {
        let (sender, receiver) = mpsc::channel(WAITING);
        let reader = self.clone();
        tokio::spawn(async move {
            if let Err(error) = reader.send_all(files, &sender).await {
                // The receiver may be gone.
                let _ = sender.send(Err(error.into())).await;
            }
        });
        receiver
    }
}
