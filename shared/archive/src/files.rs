//! Fetches archived files, and keeps local copies of the last ones.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use weir_blob::Blobs;
use weir_store::archive::ArchivedFile;

use crate::{ArchiveError, local::LocalCopy};

/// The most bytes of the copies that are kept on the disk for the next page.
const KEPT_BYTES_MAX: u64 = 128 * 1024 * 1024;

/// The object store, and local copies of the files that were read last.
pub(crate) struct Files {
    blobs: Option<Blobs>,
    /// The copies by SHA-256, the last used one at the end.
    kept: Mutex<VecDeque<(String, u64, LocalCopy)>>,
}

impl Files {
    pub(crate) fn new(blobs: Option<Blobs>) -> Self {
        Self { blobs, kept: Mutex::default() }
    }

    /// Returns a copy of the file, whose length and SHA-256 are checked when it is fetched.
    pub(crate) async fn get(&self, file: &ArchivedFile) -> Result<LocalCopy, ArchiveError> {
        if let Some(copy) = self.find(&file.sha256) {
            return Ok(copy);
        }
        let copy = self.fetch(file).await?;
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push_back((file.sha256.clone(), file.bytes, copy.clone()));
        while kept.iter().map(|(_, bytes, _)| bytes).sum::<u64>() > KEPT_BYTES_MAX {
            kept.pop_front();
        }
        Ok(copy)
    }

    /// Returns a copy of the file, and does not keep it.
    pub(crate) async fn fetch(&self, file: &ArchivedFile) -> Result<LocalCopy, ArchiveError> {
        let copy = self.blobs(file)?.fetch(&file.path, file.bytes, &file.sha256).await;
        let copy = copy.map_err(|error| ArchiveError::of(file, error))?;
        Ok(LocalCopy::new(copy, file.bytes))
    }

    /// Returns the object store, or an error that names where the file was written.
    pub(crate) fn blobs(&self, file: &ArchivedFile) -> Result<&Blobs, ArchiveError> {
        let no_store = || ArchiveError::NoStore { destination: file.destination.clone() };
        self.blobs.as_ref().ok_or_else(no_store)
    }

    fn find(&self, sha256: &str) -> Option<LocalCopy> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let place = kept.iter().position(|(known, ..)| known == sha256)?;
        let found = kept.remove(place)?;
        let copy = found.2.clone();
        kept.push_back(found);
        Some(copy)
    }
}
