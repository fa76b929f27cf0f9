//! `GET /v1/failures/{id}`: one failure.

use axum::{extract::State, response::Response};
use weir_store::event_id::EventId;

use super::body::{FailureBody, Failures};
use crate::{
    ApiError, ApiState,
    etag::{self, IfNoneMatch},
    list::record_json,
    openapi::IdPath,
    path_params::EventPath,
};

/// Returns the failure, or 404.
///
/// A discarded failure no longer exists.
#[utoipa::path(
    get, path = "/v1/failures/{id}", security(("key" = ["read"])),
    operation_id = "failures_get", tag = "failures",
    params(IdPath),
    responses((status = 200, description = "The failure.", body = FailureBody), (status = 304, description = "The client already has this version.")),
)]
pub(crate) async fn get(
    State(state): State<ApiState>,
    EventPath(id): EventPath,
    known: IfNoneMatch,
) -> Result<Response, ApiError> {
    Ok(etag::answer(&known, find_failure(&state, &id).await?))
}

/// Returns one failure as JSON.
pub async fn find_failure(state: &ApiState, id: &EventId) -> Result<Vec<u8>, ApiError> {
    record_json(state, ("failure", include_str!("get.sql")), id, Failures::new).await
}
