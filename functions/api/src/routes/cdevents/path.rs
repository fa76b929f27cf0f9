//! Texts in paths, such as ids from producers. An invalid text is the id of nothing, so the answer
//! is 404.

use axum::{
    extract::{FromRequestParts, Path},
    http::request::Parts,
};
use weir_model::excerpt;

use crate::ApiError;

/// The parameters of a path, all as text.
pub(crate) struct Texts<const N: usize>(pub(crate) [String; N]);

impl<S: Send + Sync, const N: usize> FromRequestParts<S> for Texts<N> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let refused = || ApiError::NotFound { what: "path", id: excerpt(parts.uri.path()) };
        let Ok(Path(all)) =
            Path::<Vec<String>>::from_request_parts(&mut parts.clone(), state).await
        else {
            return Err(refused());
        };
        // PostgreSQL's text cannot contain a NUL.
        if all.iter().any(|text| text.contains('\0')) {
            return Err(refused());
        }
        all.try_into().map(Self).map_err(|_| refused())
    }
}
