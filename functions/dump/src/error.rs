//! The errors of dumps.

use weir_blob::BlobError;
use weir_store::StoreError;

/// An error of a dump, a restore or a verification. The text is one line with the remedy.
#[derive(Debug, thiserror::Error)]
pub enum DumpError {
    /// An error of the database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An error of the files.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// A request that cannot be fulfilled, with the reason.
    #[error("{0}")]
    Refused(String),
    /// The files are different from their manifest or from the table.
    #[error("{0}")]
    Differs(String),
    /// Another process dumps the same day.
    #[error("another process is dumping {model} {day}: wait for it, and use its dump")]
    Busy {
        /// The model.
        model: String,
        /// The day.
        day: String,
    },
    /// The deadline passed.
    #[error("the time ran out before {0} was dumped; it has no files, and the next run dumps it")]
    Late(String),
    /// An error of the program or of the machine.
    #[error("{0}")]
    Broken(String),
}

impl DumpError {
    /// Returns whether another attempt may succeed.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Store(error) => error.is_transient(),
            Self::Blob(error) => error.is_transient(),
            _ => false,
        }
    }

    pub(crate) fn encoding(error: &dyn std::fmt::Display) -> Self {
        Self::Broken(format!("cannot write a row: {error}"))
    }
}

impl From<tokio_postgres::Error> for DumpError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Store(error.into())
    }
}
