//! `POST /v1/failures/{id}/retry`: runs a failure through its model again.

use axum::{Json, extract::State};
use weir_store::{event_id::EventId, retry};

use crate::{
    ApiError, ApiState,
    openapi::IdPath,
    path_params::EventPath,
    routes::retry_response::{Acknowledged, acknowledged, place},
};

/// Stored and projected: `{"acknowledged":true}`; skipped, or stored already: false; in all three
/// the failure is gone. Refused again: 422, and the failure stays with one more attempt counted.
#[utoipa::path(
    post, path = "/v1/failures/{id}/retry", security(("key" = ["write"])),
    operation_id = "failures_retry", tag = "failures",
    params(IdPath),
    responses((status = 200, description = "Stored and projected; false when it was skipped or stored already. It is no failure any more.", body = Acknowledged), (status = 422, description = "Refused again, or no model is bound to its topic.", body = crate::openapi::Problem, content_type = "application/problem+json")),
)]
pub(crate) async fn retry(
    State(state): State<ApiState>,
    EventPath(id): EventPath,
) -> Result<Json<Acknowledged>, ApiError> {
    retry_failure(&state, &id).await.map(Json)
}

/// Retries one failure.
pub async fn retry_failure(state: &ApiState, id: &EventId) -> Result<Acknowledged, ApiError> {
    let place = place(state, id, "failure").await?;
    acknowledged(retry::failure(&state.writer, place).await?, id, "failure")
}
