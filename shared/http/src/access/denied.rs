//! Why a request is not let through.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::{KeyName, Scope, Scopes};
use crate::Problem;

/// How a key may be shown (RFC 7617, RFC 6750). Browsers ask for one when they see the first.
const CHALLENGES: [&str; 2] = [r#"Basic realm="weir", charset="UTF-8""#, r#"Bearer realm="weir""#];

/// A request that may not be made: 401 `UNAUTHORIZED` or 403 `FORBIDDEN`.
#[derive(Debug, thiserror::Error)]
pub enum Denied {
    /// The request came by another name than this machine's own, and there are no keys.
    #[error(
        "without API keys this answers to localhost alone, not to another site's name or pages"
    )]
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
}

impl Denied {
    /// What the client is told.
    pub fn problem(&self) -> Problem {
        let (status, code, hint) = match self {
            Self::Foreign => (
                StatusCode::FORBIDDEN,
                "FORBIDDEN",
                "make a key with `weir keys new`, and start weir with --api-keys-file",
            ),
            Self::Unauthorized { .. } => (
                StatusCode::UNAUTHORIZED,
                "UNAUTHORIZED",
                "send `Authorization: Bearer KEY`, or KEY as the user name of Basic with any password; `weir keys new` makes one",
            ),
            Self::Forbidden { .. } => (
                StatusCode::FORBIDDEN,
                "FORBIDDEN",
                "use a key that has it; `weir keys list` shows who has what",
            ),
        };
        Problem { status, code, detail: self.to_string(), hint: hint.to_owned() }
    }
}

impl IntoResponse for Denied {
    fn into_response(self) -> Response {
        let mut response = self.problem().into_response();
        match self {
            Self::Unauthorized { .. } => {
                for challenge in CHALLENGES {
                    response
                        .headers_mut()
                        .append(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
                }
            }
            // The access log reads there whose key it was.
            Self::Forbidden { name, .. } => drop(response.extensions_mut().insert(name)),
            Self::Foreign => {}
        }
        response
    }
}
