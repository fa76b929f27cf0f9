//! Daily dumps: the list of days, the manifest of a day, and the files.

pub(crate) mod day;
pub(crate) mod file;
pub(crate) mod list;
mod public;

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use weir_blob::{Blobs, Manifest, UtcDay, layout};
use weir_model::excerpt;

use crate::{ApiError, ApiState};

pub(crate) use public::check_or_public;

/// The parts of a path below `/dumps`.
pub(crate) struct DayPath {
    pub(crate) model: String,
    pub(crate) day: UtcDay,
    /// The name of a file within the day's folder.
    pub(crate) file: Option<String>,
}

impl FromRequestParts<ApiState> for DayPath {
    type Rejection = ApiError;

    /// Rejects an invalid model, day or file with 404, like a dump that does not exist.
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
        let file = match (get("topic"), get("file")) {
            (Some(topic), Some(file)) => Some([topic, file].join("/")),
            (None, file) => file,
            (Some(_), None) => None,
        };
        match (model, day) {
            (Some(model), Some(day)) if file.as_deref().is_none_or(layout::is_file) => {
                Ok(Self { model, day, file })
            }
            _ => Err(missing(parts)),
        }
    }
}

/// Returns the manifest of a day, as bytes and parsed.
pub(crate) async fn manifest(
    blobs: &Blobs,
    model: &str,
    day: UtcDay,
) -> Result<(Vec<u8>, Manifest), ApiError> {
    let path = [&layout::day(model, day), "/", layout::MANIFEST].concat();
    let Some(json) = blobs.get(&path).await? else {
        return Err(ApiError::NotFound { what: "dump", id: format!("{model} {day}") });
    };
    let manifest =
        Manifest::parse(&json).map_err(|fault| weir_blob::BlobError::Damaged { path, fault })?;
    Ok((json.to_vec(), manifest))
}
