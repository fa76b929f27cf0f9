//! `GET /v1/failures/{id}`: one failure.

use axum::{extract::State, http::HeaderMap, response::Response};
use tokio_postgres::types::Type;

use super::body::Failures;
use crate::{
    ApiError, ApiState,
    docs::{FailureBody, IdPath},
    etag,
    ids::EventPath,
    list::{Elements, object},
    reader::Param,
};

/// The failure, or 404. A discarded one is gone.
#[utoipa::path(
    get,
    operation_id = "failures_get",
    path = "/v1/failures/{id}",
    tag = "failures",
    params(IdPath),
    responses((status = 200, description = "The failure.", body = FailureBody), (status = 304, description = "The client has it.")),
)]
pub(crate) async fn get(State(state): State<ApiState>, EventPath(id): EventPath, headers: HeaderMap) -> Result<Response, ApiError> {
    let params: [Param<'_>; 4] = [(&id.topic, Type::TEXT), (&id.stream, Type::INT4), (&id.partition, Type::INT4), (&id.offset, Type::INT8)];
    let row = state.reader.row(include_str!("get.sql"), &params).await?;
    let row = row.ok_or_else(|| ApiError::NotFound { what: "failure", id: id.to_string() })?;
    let failures = Failures(state.streams(Some(std::slice::from_ref(&row))).await?);
    let mut cells = Vec::new();
    failures.cells(&row, &mut cells)?;
    let mut body = Vec::with_capacity(row.raw_size_bytes() * 2 + 600);
    object(&failures.names(), &cells, &mut body);
    Ok(etag::answer(&headers, body))
}
