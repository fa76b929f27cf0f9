//! `GET /v1/events/{id}`: one event.

use axum::{extract::State, response::Response};

use super::body::{EventBody, Events};
use crate::{
    ApiError, ApiState, archived,
    etag::{self, IfNoneMatch},
    list::{one, record_json},
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
    let json = match record_json(&state, ("event", weir_store::log::EVENT), &id, Events::new).await
    {
        // The archive is read after the log, so a month that is moved in between is found.
        Err(not_found @ ApiError::NotFound { .. }) => {
            let row = archived::event(&state, &id).await?.ok_or(not_found)?;
            let streams = state.streams(Some(std::slice::from_ref(&row))).await?;
            one(&Events::new(streams), &row)?
        }
        found => found?,
    };
    Ok(etag::answer(&known, json))
}
