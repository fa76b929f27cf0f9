//! The reasons to deny a request.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::{KeyName, Scope, Scopes};
use crate::{Problem, ProblemCode};

/// The two forms in which a key is sent (RFC 7617, RFC 6750). Browsers prompt for a key when they
/// see Basic first.
const CHALLENGES: [&str; 2] = [r#"Basic realm="weir", charset="UTF-8""#, r#"Bearer realm="weir""#];

/// A request that is denied: 401 `UNAUTHORIZED` or 403 `FORBIDDEN`.
#[derive(Debug, thiserror::Error)]
pub enum Denied {
    /// The request names another host or origin than the local machine, and there are no keys.
    #[error(
        "without API keys this server answers only requests to localhost, not requests to another \
            host name or from another site's pages"
    )]
    Foreign,
    /// The request has no known key.
    #[error("{fault}")]
    Unauthorized {
        /// The description of the fault.
        fault: &'static str,
    },
    /// The key is known, but lacks the scope.
    #[error("this request needs the scope {needed}, but the key {name} has {has}")]
    Forbidden {
        /// The name of the key.
        name: KeyName,
        /// The scopes of the key.
        has: Scopes,
        /// The scope that the request needs.
        needed: Scope,
    },
}

impl Denied {
    /// Returns the problem that the client receives.
    pub fn problem(&self) -> Problem {
        let (status, code, hint) = match self {
            Self::Foreign => (
                StatusCode::FORBIDDEN,
                ProblemCode::Forbidden,
                "create a key with `weir keys new`, and start weir with --api-keys-file",
            ),
            Self::Unauthorized { .. } => (
                StatusCode::UNAUTHORIZED,
                ProblemCode::Unauthorized,
                "send `Authorization: Bearer KEY`, or Basic with KEY as the user name and any \
                    password; `weir keys new` creates a key",
            ),
            Self::Forbidden { .. } => (
                StatusCode::FORBIDDEN,
                ProblemCode::Forbidden,
                "use a key with this scope; `weir keys list` shows the scopes of each key",
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
            // The access log reads the name of the key from the extensions.
            Self::Forbidden { name, .. } => drop(response.extensions_mut().insert(name)),
            Self::Foreign => {}
        }
        response
    }
}
