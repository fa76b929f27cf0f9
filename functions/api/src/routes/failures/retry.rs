//! `POST /v1/failures/{id}/retry`: runs a failure through its model again.

use axum::{Json, extract::State};
use weir_store::{event_id::EventId, retry};

use crate::{
    ApiError, ApiState,
    openapi::IdPath,
    path_params::EventPath,
    routes::retry_response::{Acknowledged, acknowledged, place},
};

/// Runs the record through its model again.
///
/// Returns `{"acknowledged":true}` if the record was stored and projected, and false if it was
/// skipped or already stored. In these cases the failure is deleted. If the record is refused
/// again, the answer is 422, and the failure has one more attempt.
#[utoipa::path(
    post, path = "/v1/failures/{id}/retry", security(("key" = ["write"])),
    operation_id = "failures_retry", tag = "failures",
    params(IdPath),
    responses((status = 200, description = "True if the record was stored and projected; false if it was skipped or already stored. It is no longer a failure.", body = Acknowledged), (status = 422, description = "The record was refused again, or no model is bound to its topic.", body = crate::openapi::Problem, content_type = "application/problem+json")),
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
