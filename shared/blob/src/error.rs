//! Errors of reading and writing files.

use anyhow::Chain;
use object_store::Error as StoreError;

use crate::BlobUrl;

/// The most characters of a server's error text in a message.
const WORDS_MAX: usize = 300;

/// An error of the bucket or folder. The text is one line that says how to fix the error.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// A setting is wrong.
    #[error("{0}")]
    Setting(String),
    /// The bucket does not exist.
    #[error("the bucket of {0} does not exist: create it, or correct --blob-url (BLOB_URL)")]
    NoBucket(BlobUrl),
    /// The server or the file system denies the operation.
    #[error("no permission to {what} in {url}: check the credentials and the policy ({words})")]
    Denied {
        /// The operation.
        what: &'static str,
        /// The URL of the bucket or folder.
        url: BlobUrl,
        /// The error text of the server.
        words: String,
    },
    /// A required file does not exist.
    #[error("{path} does not exist in {url}")]
    Missing {
        /// The URL of the bucket or folder.
        url: BlobUrl,
        /// The name of the file.
        path: String,
    },
    /// The content of a file is wrong.
    #[error("{path} {fault}")]
    Damaged {
        /// The name of the file.
        path: String,
        /// The description of the fault.
        fault: String,
    },
    /// Any other error, for example of the network or the disk.
    #[error("cannot {what} in {url}: {words}")]
    Failed {
        /// The operation.
        what: &'static str,
        /// The URL of the bucket or folder.
        url: BlobUrl,
        /// The cause, in one line.
        words: String,
    },
}

impl BlobError {
    /// Returns whether a retry may succeed.
    pub fn is_transient(&self) -> bool {
        const LASTING: [&str; 4] =
            ["No space left", "Read-only file system", "Not a directory", "File too large"];
        matches!(self, Self::Failed { words, .. } if !LASTING.iter().any(|lasting| words.contains(lasting)))
    }

    pub(crate) fn of(what: &'static str, url: &BlobUrl, path: &str, error: &StoreError) -> Self {
        match (Self::failed(what, url, error), error) {
            (Self::Failed { url, .. }, StoreError::NotFound { .. }) => {
                Self::Missing { url, path: path.to_owned() }
            }
            (
                Self::Failed { what, url, words },
                StoreError::PermissionDenied { .. } | StoreError::Unauthenticated { .. },
            ) => Self::Denied { what, url, words },
            (error, _) => error,
        }
    }

    pub(crate) fn failed(
        what: &'static str,
        url: &BlobUrl,
        error: &(dyn std::error::Error + 'static),
    ) -> Self {
        let (url, words) = (url.clone(), one_line(error));
        // A refused list request is a general error of the library. Only its text contains the
        // status.
        let refused =
            ["Permission denied", "Operation not permitted", "403 Forbidden", "401 Unauthorized"];
        if words.contains("NoSuchBucket") {
            Self::NoBucket(url)
        } else if refused.iter().any(|r| words.contains(r)) {
            Self::Denied { what, url, words }
        } else {
            Self::Failed { what, url, words }
        }
    }
}

/// Formats an error and its causes in one line of at most [`WORDS_MAX`] characters.
fn one_line(error: &(dyn std::error::Error + 'static)) -> String {
    let mut line = error.to_string();
    for words in Chain::new(error).map(ToString::to_string) {
        if !line.contains(&words) {
            line = format!("{line}: {words}");
        }
    }
    let words: Vec<&str> = line.split_whitespace().collect();
    let line = words.join(" ");
    match line.char_indices().nth(WORDS_MAX) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
