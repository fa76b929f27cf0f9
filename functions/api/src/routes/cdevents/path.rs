//! Texts in paths: ids that others gave. What cannot be one is nobody's: 404.

use axum::{
    extract::{FromRequestParts, Path},
    http::request::Parts,
};
use weir_model::excerpt;

use crate::ApiError;

/// A path's parameters, text each.
pub(crate) struct Texts<const N: usize>(pub(crate) [String; N]);

impl<S: Send + Sync, const N: usize> FromRequestParts<S> for Texts<N> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let refused =
            || ApiError::NotFound { what: "such thing as", id: excerpt(parts.uri.path()) };
        let Ok(Path(all)) =
            Path::<Vec<String>>::from_request_parts(&mut parts.clone(), state).await
        else {
            return Err(refused());
        };
        // PostgreSQL's text has no NUL.
        if all.iter().any(|text| text.contains('\0')) {
            return Err(refused());
        }
        all.try_into().map(Self).map_err(|_| refused())
    }
}
