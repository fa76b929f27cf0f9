//! Daily dumps: the list of days, the manifest of a day, and the files.

pub(crate) mod day;
pub(crate) mod file;
pub(crate) mod list;
mod public;

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use weir_blob::{Blobs, Manifest, UtcDay};
use weir_model::excerpt;

use crate::{ApiError, ApiState};

pub(crate) use public::check_or_public;

/// The parts of a path below `/dumps`.
pub(crate) struct DayPath {
    pub(crate) model: String,
    pub(crate) day: UtcDay,
    /// The name of a file, as in the manifest.
    pub(crate) file: Option<String>,
}

impl FromRequestParts<ApiState> for DayPath {
    type Rejection = ApiError;

    /// Rejects an invalid model or day with 404, like a dump that does not exist.
    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, ApiError> {
        let missing =
            |parts: &Parts| ApiError::NotFound { what: "dump", id: excerpt(parts.uri.path()) };
        let Ok(params) = RawPathParams::from_request_parts(parts, state).await else {
            return Err(missing(parts));
        };
        let get =
            |name: &str| params.iter().find(|(n, _)| *n == name).map(|(_, value)| value.to_owned());
        let model = get("model").filter(|m| state.writer.models().get(m).is_some());
        let day = get("day").and_then(|d| d.parse().ok());
        match (model, day) {
            (Some(model), Some(day)) => Ok(Self { model, day, file: get("file") }),
            _ => Err(missing(parts)),
        }
    }
}

/// Returns the manifest of a day.
pub(crate) async fn manifest(
    blobs: &Blobs,
    model: &str,
    day: UtcDay,
) -> Result<Manifest, ApiError> {
    let missing = || ApiError::NotFound { what: "dump", id: format!("{model} {day}") };
    blobs.manifest(model, day).await?.ok_or_else(missing)
}
