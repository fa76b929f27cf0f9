//! `GET /dumps/{model}/{day}`: the manifest of a day.

use axum::{
    extract::State,
    http::{Uri, header},
    response::{IntoResponse, Response},
};

use weir_blob::Manifest;

use super::{DayPath, manifest};
use crate::{ApiError, ApiState, query::Params};

/// Returns the manifest of a day: the number of rows, the files with their SHA-256, the offsets,
/// the columns and the time of the dump.
#[utoipa::path(
    get, path = "/dumps/{model}/{day}", security((), ("key" = ["read"])),
    operation_id = "dumps_day", tag = "dumps",
    params(
        ("model" = String, Path, description = "The model; `events` is the log."),
        ("day" = String, Path, format = Date, description = "The UTC day."),
    ),
    responses((status = 200, description = "The manifest of the dump.", body = Manifest)),
)]
pub(crate) async fn day(
    State(state): State<ApiState>,
    path: DayPath,
    uri: Uri,
) -> Result<Response, ApiError> {
    Params::of(&uri).done()?;
    let json = manifest(state.dumps.blobs()?, &path.model, path.day).await?.to_json();
    Ok(([(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-cache")], json)
        .into_response())
}
