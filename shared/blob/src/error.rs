//! What can go wrong with files.

use anyhow::Chain;
use object_store::Error as StoreError;

use crate::BlobUrl;

/// Longest part of a server's own words in a message.
const WORDS_MAX: usize = 300;

/// An error of the place where files lie: one line that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// A setting is wrong.
    #[error("{0}")]
    Setting(String),
    /// The bucket is not there.
    #[error("there is no bucket for {0}: make it, or correct --blob-url (BLOB_URL)")]
    NoBucket(BlobUrl),
    /// Not allowed.
    #[error("no permission to {what} in {url}: check the credentials and the policy ({words})")]
    Denied {
        /// What was tried.
        what: &'static str,
        /// Where.
        url: BlobUrl,
        /// The server's words.
        words: String,
    },
    /// A file that has to be there is not.
    #[error("{url} holds no {path}")]
    Missing {
        /// Where.
        url: BlobUrl,
        /// Its name.
        path: String,
    },
    /// A file does not hold what it should.
    #[error("{path} {fault}")]
    Damaged {
        /// Its name.
        path: String,
        /// What is wrong with it.
        fault: String,
    },
    /// Anything else: the network, the disk.
    #[error("cannot {what} in {url}: {words}")]
    Failed {
        /// What was tried.
        what: &'static str,
        /// Where.
        url: BlobUrl,
        /// The cause, one line.
        words: String,
    },
}

impl BlobError {
    /// Whether another try may go well.
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
        // A refused list is a general error: its status tells.
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

/// An error and its causes in one line of bounded length.
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
