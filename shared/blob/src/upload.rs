//! Writes a file of any length in constant memory. The file exists under its name completely or not
//! at all.

use std::sync::Arc;

use bytes::Bytes;
use object_store::{MultipartUpload, ObjectStoreExt, PutPayload, path::Path};
use tokio::task::JoinSet;

use crate::{BlobError, BlobUrl, store::BlobStore};

/// S3 accepts parts from 5 MiB on, and at most 10,000 parts. So a file has at most 50 GB.
const S3_PART_BYTES: usize = 5 * 1024 * 1024;
/// A folder accepts parts of any size. A small part keeps few bytes in memory.
const FILE_PART_BYTES: usize = 512 * 1024;

/// A file that is being written.
///
/// Call [`finish`](Self::finish) or [`abort`](Self::abort). An upload that is dropped leaves parts
/// behind, which only the next dump of the day removes.
pub struct Upload {
    store: Arc<BlobStore>,
    path: String,
    part_bytes: usize,
    pending: Vec<Bytes>,
    pending_bytes: usize,
    bytes: u64,
    parts: Option<Box<dyn MultipartUpload>>,
    /// The part that is being sent, at most one. The next part is filled in the meantime.
    on_its_way: JoinSet<object_store::Result<()>>,
}

impl Upload {
    pub(crate) fn new(store: Arc<BlobStore>, path: String) -> Self {
        let part_bytes = match store.url {
            BlobUrl::S3 { .. } => S3_PART_BYTES,
            BlobUrl::File(_) => FILE_PART_BYTES,
        };
        Self {
            store,
            path,
            part_bytes,
            pending: Vec::new(),
            pending_bytes: 0,
            bytes: 0,
            parts: None,
            on_its_way: JoinSet::new(),
        }
    }

    /// Adds bytes. Waits when a part is full and the part before it is still being sent.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), BlobError> {
        self.pending_bytes += bytes.len();
        self.bytes += bytes.len() as u64;
        self.pending.push(bytes);
        if self.pending_bytes >= self.part_bytes { self.send_part().await } else { Ok(()) }
    }

    /// Completes the upload. After `Ok`, the file exists under its name. A short file is written by
    /// one request, without parts.
    pub async fn finish(mut self) -> Result<(), BlobError> {
        let finished = self.try_finish().await;
        if finished.is_err() {
            self.abort().await;
        }
        finished
    }

    /// Deletes the parts that were sent. An error is logged, and the next dump of the day removes
    /// the remaining parts.
    pub async fn abort(mut self) {
        self.on_its_way.abort_all();
        while self.on_its_way.join_next().await.is_some() {}
        if let Some(mut parts) = self.parts.take()
            && let Err(error) = parts.abort().await
        {
            let error = self.store.error("abort an upload", &self.path)(error);
            tracing::warn!(path = self.path, %error, "cannot delete the parts of a failed upload; \
                they stay until the day is dumped again");
        }
    }

    async fn try_finish(&mut self) -> Result<(), BlobError> {
        if self.parts.is_none() {
            let payload = PutPayload::from_iter(std::mem::take(&mut self.pending));
            return self
                .store
                .objects
                .put(&self.location(), payload)
                .await
                .map(drop)
                .map_err(self.error());
        }
        if self.pending_bytes > 0 {
            self.send_part().await?;
        }
        self.wait().await?;
        let Some(parts) = &mut self.parts else { return Ok(()) };
        match parts.complete().await {
            Ok(_) => Ok(()),
            // When the answer to a completion is lost, the server refuses the repeated completion.
            // So the file's length decides: an earlier file of this name was deleted when the
            // upload started, and the lock of the day keeps other processes from writing this name.
            Err(error) if self.store.has(&self.path, self.bytes).await => {
                tracing::debug!(path = self.path, %error, "the answer to the completion of an \
                    upload was lost, but the upload is complete");
                Ok(())
            }
            Err(error) => Err(self.error()(error)),
        }
    }

    async fn send_part(&mut self) -> Result<(), BlobError> {
        if self.parts.is_none() {
            self.store.delete(&self.path).await?;
            self.parts = Some(
                self.store.objects.put_multipart(&self.location()).await.map_err(self.error())?,
            );
        }
        self.wait().await?;
        let payload = PutPayload::from_iter(std::mem::take(&mut self.pending));
        self.pending_bytes = 0;
        if let Some(parts) = &mut self.parts {
            self.on_its_way.spawn(parts.put_part(payload));
        }
        Ok(())
    }

    async fn wait(&mut self) -> Result<(), BlobError> {
        match self.on_its_way.join_next().await {
            None | Some(Ok(Ok(()))) => Ok(()),
            Some(Ok(Err(error))) => Err(self.error()(error)),
            Some(Err(error)) => Err(BlobError::failed("write", &self.store.url, &error)),
        }
    }

    fn location(&self) -> Path {
        self.store.at(&self.path)
    }

    fn error(&self) -> impl Fn(object_store::Error) -> BlobError + use<> {
        self.store.error("write", &self.path)
    }
}
