//! `GET /v1/failures/{id}`: one failure.

use axum::{extract::State, response::Response};

use super::body::Failures;
use crate::{
    ApiError, ApiState,
    etag::IfNoneMatch,
    list::one_record,
    openapi::{FailureBody, IdPath},
    path_params::EventPath,
};

/// The failure, or 404. A discarded one is gone.
#[utoipa::path(
    get,
    operation_id = "failures_get",
    path = "/v1/failures/{id}",
    tag = "failures",
    security(("key" = ["read"])),
    params(IdPath),
    responses((status = 200, description = "The failure.", body = FailureBody), (status = 304, description = "The client has it.")),
)]
pub(crate) async fn get(State(state): State<ApiState>, EventPath(id): EventPath, known: IfNoneMatch) -> Result<Response, ApiError> {
    one_record(&state, ("failure", include_str!("get.sql")), &id, &known, Failures).await
}
