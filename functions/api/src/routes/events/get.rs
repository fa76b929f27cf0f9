//! `GET /v1/events/{id}`: one event.

use axum::{extract::State, response::Response};

use super::body::{EventBody, Events};
use crate::{
    ApiError, ApiState,
    etag::{self, IfNoneMatch},
    list::record_json,
    openapi::IdPath,
    path_params::EventPath,
};

/// Returns the event, or 404.
///
/// This route also returns skipped records.
#[utoipa::path(
    get, path = "/v1/events/{id}", security(("key" = ["read"])),
    operation_id = "events_get", tag = "events",
    params(IdPath),
    responses((status = 200, description = "The event.", body = EventBody), (status = 304, description = "The client already has this version.")),
)]
pub(crate) async fn get(
    State(state): State<ApiState>,
    EventPath(id): EventPath,
    known: IfNoneMatch,
) -> Result<Response, ApiError> {
    Ok(etag::answer(
        &known,
        record_json(&state, ("event", weir_store::log::EVENT), &id, Events::new).await?,
    ))
}
