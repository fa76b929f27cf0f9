//! `POST /v1/failures/{id}/retry`: a failure once more.

use axum::{Json, extract::State};
use weir_store::retry;

use crate::{
    ApiError, ApiState,
    ids::EventPath,
    retried::{Acknowledged, acknowledged, place},
};

/// Stored and projected: `{"acknowledged":true}`; skipped, or stored already: false; in all three the failure is gone.
/// Refused again: 422, and the failure stays with one more attempt counted.
pub(crate) async fn retry(State(state): State<ApiState>, EventPath(id): EventPath) -> Result<Json<Acknowledged>, ApiError> {
    let place = place(&state, &id, "failure").await?;
    acknowledged(retry::failure(&state.writer, place).await?, &id, "failure")
}
