//! Ids in paths.

use axum::{
    extract::{FromRequestParts, Path},
    http::request::Parts,
};
use uuid::Uuid;
use weir_model::excerpt;

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
        let Path(text) = Path::<String>::from_request_parts(parts, state).await.map_err(|_| refused(parts.uri.path()))?;
        let uuid = Some(&text).filter(|t| t.len() == UUID_LENGTH).and_then(|t| Uuid::try_parse(t).ok());
        uuid.map(Self).ok_or_else(|| refused(&text))
    }
}
