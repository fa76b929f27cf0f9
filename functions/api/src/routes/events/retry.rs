//! `POST /v1/events/{id}/retry`: runs an event through its model's projection again.

use axum::{Json, extract::State};
use weir_store::retry;

use crate::{
    ApiError, ApiState,
    openapi::IdPath,
    path_params::EventPath,
    routes::retry_response::{Acknowledged, acknowledged, place},
};

/// Runs the event through its model again.
///
/// Returns `{"acknowledged":true}`, or false if the model skips the event. A plugin applies the
/// event again only if it implements `reapply`.
#[utoipa::path(
    post, path = "/v1/events/{id}/retry", security(("key" = ["admin"])),
    operation_id = "events_retry", tag = "events",
    params(IdPath),
    responses((status = 200, description = "The event was projected again; false if its model skips it.", body = Acknowledged), (status = 422, description = "The record was refused again, or no model is bound to its topic.", body = crate::openapi::Problem, content_type = "application/problem+json")),
)]
pub(crate) async fn retry(
    State(state): State<ApiState>,
    EventPath(id): EventPath,
) -> Result<Json<Acknowledged>, ApiError> {
    let place = place(&state, &id, "event").await?;
    acknowledged(retry::event(&state.writer, place).await?, &id, "event").map(Json)
}
