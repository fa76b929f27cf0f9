//! `POST /v1/events/{id}/retry`: runs an event through its model's projection again.

use axum::{Json, extract::State};
use weir_blob::UtcDay;
use weir_http::ProblemCode;
use weir_model::Micros;
use weir_store::retry::{self, Retried};

use crate::{
    ApiError, ApiState, archived,
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
    let retried = retry::event(&state.writer, place).await?;
    // A retry reads the database only, and a record of the archive never changes.
    if matches!(retried, Retried::NotFound)
        && let Some(row) = archived::event(&state, &id).await?
    {
        let arrived_at: Micros = row.try_get("arrived_at")?;
        let day = UtcDay::from_number(arrived_at.day()).map(|day| day.to_string());
        return Err(ApiError::Unprocessable {
            code: ProblemCode::Refused,
            detail: format!(
                "event {id} arrived on {}, and this month of the log is in the archive",
                day.unwrap_or_default()
            ),
            hint: "replay the model with `weir replay`, or bring the day back with `weir restore`, \
                then retry",
        });
    }
    acknowledged(retried, &id, "event").map(Json)
}
