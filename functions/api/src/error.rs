//! What a handler can answer instead of a body. It decides the status.

use std::fmt::Display;

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use weir_blob::BlobError;
use weir_store::StoreError;

use crate::{KeyName, Problem, Scope, Scopes, ids::UUID_HINT};

/// How a key may be shown (RFC 7617, RFC 6750). Browsers ask for one when they see the first.
const CHALLENGES: [&str; 2] = [r#"Basic realm="weir", charset="UTF-8""#, r#"Bearer realm="weir""#];

/// An error of a handler.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// There is no such thing.
    #[error("there is no {what} {id}")]
    NotFound {
        /// What was looked for: `build`, `event` …
        what: &'static str,
        /// Its id.
        id: String,
    },
    /// The id in the path cannot be one.
    #[error("{given} is no UUID")]
    InvalidId {
        /// What stands there, shortened.
        given: String,
    },
    /// A query parameter is wrong.
    #[error("{name} {fault}")]
    InvalidParameter {
        /// The parameter.
        name: String,
        /// What is wrong with it.
        fault: String,
        /// What would be right.
        hint: String,
    },
    /// The request came by another name than this machine's own, and there are no keys.
    #[error("without API keys this answers to localhost alone, not to another site's name or pages")]
    Foreign,
    /// The request shows no key that is known.
    #[error("{fault}")]
    Unauthorized {
        /// What is wrong with what it shows.
        fault: &'static str,
    },
    /// The key is good, for other things.
    #[error("this needs the scope {needed}, and the key {name} has {has}")]
    Forbidden {
        /// What the key is called.
        name: KeyName,
        /// What it may do.
        has: Scopes,
        /// What it would have to.
        needed: Scope,
    },
    /// The page would be larger than a server can hold for everyone.
    #[error("the rows asked for are more than {bytes_max} bytes")]
    PageTooLarge {
        /// The limit.
        bytes_max: usize,
    },
    /// The answer would be longer than this place can send.
    #[error("the answer is longer than {bytes_max} bytes, the most that Lambda can send")]
    ResponseTooLarge {
        /// The limit.
        bytes_max: usize,
    },
    /// What was asked for was understood and cannot be done.
    #[error("{detail}")]
    Unprocessable {
        /// For programs.
        code: &'static str,
        /// What is in the way.
        detail: String,
        /// What to do about it.
        hint: &'static str,
    },
    /// Nobody said where dumps lie.
    #[error("this server knows of no dumps")]
    NoDumps,
    /// The place where dumps lie.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<tokio_postgres::Error> for ApiError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Store(error.into())
    }
}

impl ApiError {
    /// A query parameter is wrong.
    pub(crate) fn parameter(name: &str, fault: impl Display, hint: impl Display) -> Self {
        Self::InvalidParameter { name: name.to_owned(), fault: fault.to_string(), hint: hint.to_string() }
    }

    /// What the client is told. What the database said is for the log alone: it may quote rows.
    pub fn problem(&self) -> Problem {
        let (status, code, hint) = match self {
            Self::NotFound { .. } => {
                (StatusCode::NOT_FOUND, "NOT_FOUND", "it may not have been ingested yet; the lists show what is there")
            }
            Self::Foreign => (StatusCode::FORBIDDEN, "FORBIDDEN", "make a key with `weir keys new`, and start weir with --api-keys-file"),
            Self::InvalidId { .. } => (StatusCode::BAD_REQUEST, "INVALID_ID", UUID_HINT),
            Self::InvalidParameter { hint, .. } => (StatusCode::BAD_REQUEST, "INVALID_PARAMETER", hint.as_str()),
            Self::Unauthorized { .. } => (
                StatusCode::UNAUTHORIZED,
                "UNAUTHORIZED",
                "send `Authorization: Bearer KEY`, or KEY as the user name of Basic with any password; `weir keys new` makes one",
            ),
            Self::Forbidden { .. } => (StatusCode::FORBIDDEN, "FORBIDDEN", "use a key that has it; `weir keys list` shows who has what"),
            Self::PageTooLarge { .. } => {
                (StatusCode::PAYLOAD_TOO_LARGE, "PAGE_TOO_LARGE", "ask for fewer with limit, and for the next ones with offset")
            }
            Self::ResponseTooLarge { .. } => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "RESPONSE_TOO_LARGE",
                "ask for pages with limit and follow their Link, or take the day's files from the dump in S3",
            ),
            Self::Unprocessable { code, hint, .. } => (StatusCode::UNPROCESSABLE_ENTITY, *code, *hint),
            Self::NoDumps => (StatusCode::NOT_FOUND, "NO_DUMPS", "set BLOB_URL to where `weir dump` writes to"),
            // It names the bucket, and quotes the server.
            Self::Blob(_) => {
                return Problem {
                    status: StatusCode::SERVICE_UNAVAILABLE,
                    code: "DUMPS_UNAVAILABLE",
                    detail: "the place where dumps lie does not answer as it should".into(),
                    hint: "try again later; the server's log has the reason beside this answer's x-request-id".into(),
                };
            }
            Self::Store(error) if error.is_transient() => {
                return Problem {
                    status: StatusCode::SERVICE_UNAVAILABLE,
                    code: "DATABASE_UNAVAILABLE",
                    detail: "the database does not answer".into(),
                    hint: "try again after the time in Retry-After; /healthz tells when it is back".into(),
                };
            }
            // Every parameter is checked before it goes there, so this is the net below.
            Self::Store(error) if error.is_data() => {
                return Problem {
                    status: StatusCode::BAD_REQUEST,
                    code: "INVALID_PARAMETER",
                    detail: "the database cannot take one of the parameters".into(),
                    hint: "see the documentation of this route for what it takes".into(),
                };
            }
            Self::Store(_) => {
                return Problem {
                    status: StatusCode::INTERNAL_SERVER_ERROR,
                    code: "INTERNAL",
                    detail: "the request failed".into(),
                    hint: "the server's log has the reason beside this answer's x-request-id".into(),
                };
            }
        };
        Problem { status, code, detail: self.to_string(), hint: hint.to_owned() }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        match &self {
            Self::Store(error) if error.is_transient() => tracing::warn!(%error, "the database does not answer"),
            Self::Store(error) => tracing::error!(%error, "the request failed"),
            Self::Blob(error) => tracing::error!(%error, "the dumps cannot be read"),
            _ => {}
        }
        let mut response = self.problem().into_response();
        match self {
            Self::Unauthorized { .. } => {
                for challenge in CHALLENGES {
                    response.headers_mut().append(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
                }
            }
            // The log asks there whose key it was.
            Self::Forbidden { name, .. } => drop(response.extensions_mut().insert(name)),
            _ => {}
        }
        response
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
