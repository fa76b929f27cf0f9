//! Checks all archived files, without reading them.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use weir_blob::BlobError;
use weir_store::archive::ArchivedFile;

use crate::{ArchiveError, ArchiveReader};

/// The most requests at the same time.
const REQUESTS_MAX: usize = 16;

/// An archived file that is missing or has another length, so that its records are lost.
#[derive(Debug)]
pub struct LostFile {
    /// The file, as the database describes it.
    pub file: ArchivedFile,
    /// What is wrong, with the name of the file.
    pub error: ArchiveError,
}

impl ArchiveReader {
    /// Returns the files that are missing, or whose length is not the noted one. An object store
    /// that does not answer is an error, because it says nothing about its files.
    pub async fn lost(&self, files: Vec<ArchivedFile>) -> Result<Vec<LostFile>, ArchiveError> {
        stream::iter(files)
            .map(|file| self.check(file))
            .buffered(REQUESTS_MAX)
            .try_filter_map(|lost| std::future::ready(Ok(lost)))
            .try_collect()
            .await
    }

    async fn check(&self, file: ArchivedFile) -> Result<Option<LostFile>, ArchiveError> {
        let error = match self.0.blobs(&file)?.length(&file.path).await {
            Ok(found) if found == file.bytes => return Ok(None),
            Ok(found) => BlobError::Damaged {
                path: file.path.clone(),
                fault: format!("has {found} bytes, but must have {}", file.bytes),
            },
            Err(error @ BlobError::Missing { .. }) => error,
            Err(error) => return Err(ArchiveError::of(&file, error)),
        };
        let error = ArchiveError::of(&file, error);
        Ok(Some(LostFile { file, error }))
    }
}
