//! The error answers of handlers. The error decides the status.

use std::fmt::Display;

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use weir_archive::ArchiveError;
use weir_blob::BlobError;
use weir_http::{Denied, Problem, ProblemCode, ReadError};
use weir_store::StoreError;

pub(crate) const UUID_HINT: &str = "an id is a UUID, for example \
    5a3b9c00-0000-4000-8000-000000000001";

/// An error of a handler.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The requested thing does not exist.
    #[error("{what} {id} does not exist")]
    NotFound {
        /// The kind of thing: `build`, `event` …
        what: &'static str,
        /// The requested id.
        id: String,
    },
    /// The id in the path is not valid.
    #[error("{given} is not a UUID")]
    InvalidId {
        /// The text in the path, shortened.
        given: String,
    },
    /// A query parameter is wrong.
    #[error("{name} {fault}")]
    InvalidParameter {
        /// The name of the parameter.
        name: String,
        /// The error.
        fault: String,
        /// An example of a correct value.
        hint: String,
    },
    /// The client may not send this request.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The page is larger than the limit, which protects the server's memory.
    #[error("the requested rows have more than {bytes_max} bytes")]
    PageTooLarge {
        /// The limit in bytes.
        bytes_max: usize,
    },
    /// The request is valid and cannot be fulfilled.
    #[error("{detail}")]
    Unprocessable {
        /// The problem's code, for programs.
        code: ProblemCode,
        /// The reason.
        detail: String,
        /// The remedy.
        hint: &'static str,
    },
    /// No destination of dumps is set.
    #[error("no destination of dumps is set for this server")]
    NoDumps,
    /// An error of the destination of dumps.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// An error of reading archived days of the log.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// An error of the database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<tokio_postgres::Error> for ApiError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<ReadError> for ApiError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::PageTooLarge { bytes_max } => Self::PageTooLarge { bytes_max },
            ReadError::Store(error) => Self::Store(error),
        }
    }
}

impl ApiError {
    /// Returns the error for a wrong query parameter.
    pub(crate) fn parameter(name: &str, fault: impl Display, hint: impl Display) -> Self {
        Self::InvalidParameter {
            name: name.to_owned(),
            fault: fault.to_string(),
            hint: hint.to_string(),
        }
    }

    /// Returns the answer for the client. The error text of the database is only logged, because it
    /// may quote rows.
    pub fn problem(&self) -> Problem {
        let (status, code, hint) = match self {
            Self::NotFound { .. } => (
                StatusCode::NOT_FOUND,
                ProblemCode::NotFound,
                "the record may not be ingested yet; the lists show what exists",
            ),
            Self::Denied(denied) => return denied.problem(),
            Self::InvalidId { .. } => (StatusCode::BAD_REQUEST, ProblemCode::InvalidId, UUID_HINT),
            Self::InvalidParameter { hint, .. } => {
                (StatusCode::BAD_REQUEST, ProblemCode::InvalidParameter, hint.as_str())
            }
            Self::PageTooLarge { .. } => (
                StatusCode::PAYLOAD_TOO_LARGE,
                ProblemCode::PageTooLarge,
                "ask for fewer rows with limit, and for the next rows with offset",
            ),
            Self::Unprocessable { code, hint, .. } => {
                (StatusCode::UNPROCESSABLE_ENTITY, *code, *hint)
            }
            Self::NoDumps => (
                StatusCode::NOT_FOUND,
                ProblemCode::NoDumps,
                "set BLOB_URL to the destination of `weir dump`",
            ),
            // The error contains the bucket's name and quotes the server.
            Self::Blob(_) => {
                return Problem {
                    status: StatusCode::SERVICE_UNAVAILABLE,
                    code: ProblemCode::DumpsUnavailable,
                    detail: "the destination of the dumps does not answer correctly".into(),
                    hint:
                        "try again later; the server's log has the reason, with the x-request-id \
                        of this answer"
                            .into(),
                };
            }
            Self::Archive(ArchiveError::TooLarge { .. }) => (
                StatusCode::PAYLOAD_TOO_LARGE,
                ProblemCode::PageTooLarge,
                "ask for fewer rows with limit",
            ),
            // The error may contain the bucket's name and quote the server.
            Self::Archive(error) => {
                return Problem {
                    status: StatusCode::SERVICE_UNAVAILABLE,
                    code: ProblemCode::ArchiveUnreadable,
                    detail: match error.path() {
                        Some(path) => format!("the archived file {path} cannot be read"),
                        None => "archived days of the log cannot be read".to_owned(),
                    },
                    hint: "the server's log has the reason, with the x-request-id of this answer"
                        .into(),
                };
            }
            Self::Store(error) if error.is_transient() => return Problem::database_unavailable(),
            // Every parameter is checked before, so this error should not occur.
            Self::Store(error) if error.is_data() => {
                return Problem {
                    status: StatusCode::BAD_REQUEST,
                    code: ProblemCode::InvalidParameter,
                    detail: "the database does not accept one of the parameters".into(),
                    hint: "see the documentation for the values that this route accepts".into(),
                };
            }
            Self::Store(_) => {
                return Problem {
                    status: StatusCode::INTERNAL_SERVER_ERROR,
                    code: ProblemCode::Internal,
                    detail: "the request failed".into(),
                    hint: "the server's log has the reason, with the x-request-id of this answer"
                        .into(),
                };
            }
        };
        Problem { status, code, detail: self.to_string(), hint: hint.to_owned() }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        match &self {
            Self::Store(error) if error.is_transient() => {
                tracing::warn!(%error, "the database does not answer");
            }
            Self::Store(error) => tracing::error!(%error, "the request failed"),
            Self::Blob(error) => tracing::error!(%error, "cannot read the dumps"),
            Self::Archive(error) => tracing::error!(%error, "cannot read the archive"),
            _ => {}
        }
        match self {
            Self::Denied(denied) => denied.into_response(),
            other => other.problem().into_response(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_database_said_is_not_shown() {
        for error in [
            StoreError::Connect("password authentication failed for secret_user".into()),
            StoreError::Schema("relation secret_table".into()),
        ] {
            let problem = ApiError::from(error).problem();
            assert!(problem.status.is_server_error());
            assert!(!format!("{problem:?}").contains("secret"), "{problem:?}");
        }
    }
}
