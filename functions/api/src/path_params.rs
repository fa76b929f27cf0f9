//! Ids in paths.

use axum::{
    extract::{FromRequestParts, Path},
    http::request::Parts,
};
use uuid::Uuid;
use weir_model::excerpt;

use weir_store::event_id::EventId;

use crate::ApiError;

/// Length of a UUID with its four hyphens: other spellings (`{…}`, `urn:uuid:…`) are not ids here.
const UUID_LENGTH: usize = 36;

/// A path's only parameter, a UUID in lower or upper case.
pub(crate) struct UuidPath(pub(crate) Uuid);

impl<S: Send + Sync> FromRequestParts<S> for UuidPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let refused = |text: &str| ApiError::InvalidId { given: excerpt(text) };
        // Refused when it is not UTF-8 behind its percent signs; the path is ASCII as it stands.
        let Path(text) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|_| refused(parts.uri.path()))?;
        parse_uuid(&text).map(Self).ok_or_else(|| refused(&text))
    }
}

/// A UUID with its hyphens, in lower or upper case.
pub(crate) fn parse_uuid(text: &str) -> Option<Uuid> {
    Some(text).filter(|t| t.len() == UUID_LENGTH).and_then(|t| Uuid::try_parse(t).ok())
}

/// A path's only parameter, the id of an event or of a failure. What can be none is that of no
/// record: 404.
pub(crate) struct EventPath(pub(crate) EventId);

impl<S: Send + Sync> FromRequestParts<S> for EventPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let refused = |text: &str| ApiError::NotFound { what: "record", id: excerpt(text) };
        let Path(text) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|_| refused(parts.uri.path()))?;
        // PostgreSQL's text has no NUL.
        text.parse()
            .ok()
            .filter(|id: &EventId| !id.topic.contains('\0'))
            .map(Self)
            .ok_or_else(|| refused(&text))
    }
}
