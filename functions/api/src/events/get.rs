//! `GET /v1/events/{id}`: one event.

use axum::{extract::State, http::HeaderMap, response::Response};
use tokio_postgres::types::Type;

use super::body::Events;
use crate::{
    ApiError, ApiState,
    docs::{EventBody, IdPath},
    etag,
    ids::EventPath,
    list::Elements,
    list::object,
};

/// The event, or 404. What was skipped is shown too: who has its id asks for it.
#[utoipa::path(
    get,
    operation_id = "events_get",
    path = "/v1/events/{id}",
    tag = "events",
    params(IdPath),
    responses((status = 200, description = "The event.", body = EventBody), (status = 304, description = "The client has it.")),
)]
pub(crate) async fn get(State(state): State<ApiState>, EventPath(id): EventPath, headers: HeaderMap) -> Result<Response, ApiError> {
    let params: [crate::reader::Param<'_>; 4] =
        [(&id.topic, Type::TEXT), (&id.stream, Type::INT4), (&id.partition, Type::INT4), (&id.offset, Type::INT8)];
    let row = state.reader.row(include_str!("get.sql"), &params).await?;
    let row = row.ok_or_else(|| ApiError::NotFound { what: "event", id: id.to_string() })?;
    let events = Events(state.streams(Some(std::slice::from_ref(&row))).await?);
    let mut cells = Vec::new();
    events.cells(&row, &mut cells)?;
    let mut body = Vec::with_capacity(row.raw_size_bytes() + 400);
    object(&events.names(), &cells, &mut body);
    Ok(etag::answer(&headers, body))
}
