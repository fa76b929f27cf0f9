//! The error of reading an archived file.

use weir_blob::BlobError;
use weir_store::{StoreError, archive::ArchivedFile};

/// An archived file cannot be read. The text is one line that names the file and the remedy.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The object store does not return the file, or returns another one.
    #[error(
        "{error}; it has archived records, and was written to {destination}: bring the file back, \
            or give --blob-url (BLOB_URL) of a place that has it"
    )]
    File {
        /// The name of the file.
        path: String,
        /// The error of the object store, which names the file, too.
        error: Box<BlobError>,
        /// The destination to which the file was written.
        destination: String,
    },
    /// The program has no object store.
    #[error(
        "{destination} has archived records that are needed, and no object store is configured: \
            give --blob-url (BLOB_URL)"
    )]
    NoStore {
        /// The destination to which the file was written.
        destination: String,
    },
    /// The file is as it was written, and cannot be decoded.
    #[error("{path} cannot be decoded: {fault}")]
    Undecodable {
        /// The name of the file.
        path: String,
        /// The description of the fault.
        fault: String,
    },
    /// The task that decodes a file ended.
    #[error("decoding an archived file failed: {0}")]
    Stopped(String),
    /// The records of a page need more memory than the limit.
    #[error("the requested records have more than {bytes_max} bytes")]
    TooLarge {
        /// The limit in bytes.
        bytes_max: usize,
    },
}

impl ArchiveError {
    /// Returns the name of the file.
    pub fn path(&self) -> Option<&str> {
        match self {
            Self::File { path, .. } | Self::Undecodable { path, .. } => Some(path),
            Self::NoStore { .. } | Self::Stopped(_) | Self::TooLarge { .. } => None,
        }
    }

    pub(crate) fn of(file: &ArchivedFile, error: BlobError) -> Self {
        Self::File {
            path: file.path.clone(),
            error: error.into(),
            destination: file.destination.clone(),
        }
    }

    pub(crate) fn undecodable(file: &ArchivedFile, fault: &dyn std::fmt::Display) -> Self {
        Self::Undecodable { path: file.path.clone(), fault: fault.to_string() }
    }
}

impl From<ArchiveError> for StoreError {
    fn from(error: ArchiveError) -> Self {
        Self::Archive(error.to_string())
    }
}
