//! `DELETE /v1/failures/{id}`: discards a failure.

use axum::{Json, extract::State};
use weir_store::{event_id::EventId, retry};

use crate::{
    ApiError, ApiState,
    openapi::IdPath,
    path_params::EventPath,
    routes::retry_response::{Acknowledged, place},
};

/// Deletes the bytes of the failure.
///
/// Its coordinates stay known, so that a redelivery does not store the record again.
#[utoipa::path(
    delete, path = "/v1/failures/{id}", security(("key" = ["admin"])),
    operation_id = "failures_discard", tag = "failures",
    params(IdPath),
    responses((status = 200, description = "The failure was discarded.", body = Acknowledged)),
)]
pub(crate) async fn discard(
    State(state): State<ApiState>,
    EventPath(id): EventPath,
) -> Result<Json<Acknowledged>, ApiError> {
    discard_failure(&state, &id).await?;
    Ok(Json(Acknowledged { acknowledged: true }))
}

/// Discards one failure.
pub async fn discard_failure(state: &ApiState, id: &EventId) -> Result<(), ApiError> {
    let place = place(state, id, "failure").await?;
    if retry::discard(state.store(), place).await? {
        Ok(())
    } else {
        Err(ApiError::NotFound { what: "failure", id: id.to_string() })
    }
}
