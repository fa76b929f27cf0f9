//! Ids in paths.

use axum::{
    extract::{FromRequestParts, Path},
    http::request::Parts,
};
use uuid::Uuid;
use weir_model::excerpt;

use weir_store::event_id::EventId;

use crate::ApiError;

/// Length of a UUID with its four hyphens. Other spellings (`{…}`, `urn:uuid:…`) are not accepted.
const UUID_LENGTH: usize = 36;

/// The only parameter of a path: a UUID in lower or upper case.
pub(crate) struct UuidPath(pub(crate) Uuid);

impl<S: Send + Sync> FromRequestParts<S> for UuidPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let refused = |text: &str| ApiError::InvalidId { given: excerpt(text) };
        // This fails when the decoded text is not UTF-8. The error then shows the path as it was
        // sent, which is ASCII.
        let Path(text) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|_| refused(parts.uri.path()))?;
        parse_uuid(&text).map(Self).ok_or_else(|| refused(&text))
    }
}

/// Parses a UUID with its hyphens, in lower or upper case.
pub(crate) fn parse_uuid(text: &str) -> Option<Uuid> {
    Some(text).filter(|t| t.len() == UUID_LENGTH).and_then(|t| Uuid::try_parse(t).ok())
}

/// The only parameter of a path: the id of an event or of a failure. No record has an invalid id,
/// so the answer to an invalid id is 404.
pub(crate) struct EventPath(pub(crate) EventId);

impl<S: Send + Sync> FromRequestParts<S> for EventPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let refused = |text: &str| ApiError::NotFound { what: "record", id: excerpt(text) };
        let Path(text) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|_| refused(parts.uri.path()))?;
        // A value of PostgreSQL's type text cannot contain a NUL character.
        text.parse()
            .ok()
            .filter(|id: &EventId| !id.topic.contains('\0'))
            .map(Self)
            .ok_or_else(|| refused(&text))
    }
}
