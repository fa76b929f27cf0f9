//! Errors for clients: `application/problem+json` (RFC 9457).

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::ProblemCode;

/// The seconds after which a client may retry a transient error.
pub const RETRY_AFTER_SECONDS: &str = "2";

/// A problem. The layer that [`finish`](crate::finish) adds renders it as a response, because that
/// layer knows the path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The HTTP status.
    pub status: StatusCode,
    /// The code for programs.
    pub code: ProblemCode,
    /// The text for people: what is wrong with this request.
    pub detail: String,
    /// The text for people: how to fix the request.
    pub hint: String,
}

/// Further members of a [`Problem`] (RFC 9457, 3.2), in the extensions of the response with the
/// problem.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Members(pub Map<String, Value>);

#[derive(Serialize)]
struct Body<'a> {
    r#type: &'a str,
    title: &'a str,
    status: u16,
    detail: &'a str,
    code: &'a str,
    hint: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    #[serde(flatten)]
    members: Map<String, Value>,
}

impl Problem {
    /// Returns the problem of a database that does not answer: 503. The reason is in the log.
    pub fn database_unavailable() -> Self {
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            code: ProblemCode::DatabaseUnavailable,
            detail: "the database does not answer".into(),
            hint: "try again after the time in Retry-After; /healthz shows when the database \
                answers again"
                .into(),
        }
    }

    /// Renders the response. Clients of Phobos use routes `/v1/…` and read `error` and `message`.
    pub(crate) fn render(&self, for_phobos: bool, Members(members): Members) -> Response {
        debug_assert!(self.code.allows(self.status), "{self:?}");
        let body = Body {
            // The type of a problem adds nothing to the status. Programs read `code`.
            r#type: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            detail: &self.detail,
            code: self.code.name(),
            hint: &self.hint,
            error: for_phobos.then_some(true),
            message: for_phobos.then_some(&self.detail),
            members,
        };
        // The body contains only texts and numbers, so serialization does not fail.
        let json = serde_json::to_vec(&body).unwrap_or_default();
        let mut response =
            (self.status, [(header::CONTENT_TYPE, "application/problem+json")], json)
                .into_response();
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECONDS));
        }
        response
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}
