//! `POST /v1/events/{id}/retry`: an event through its model's projection again.

use axum::{Json, extract::State};
use weir_store::retry;

use crate::{
    ApiError, ApiState,
    ids::EventPath,
    retried::{Acknowledged, acknowledged, place},
};

/// `{"acknowledged":true}`, or false when its model skips it. Plugins only through their `reapply`.
pub(crate) async fn retry(State(state): State<ApiState>, EventPath(id): EventPath) -> Result<Json<Acknowledged>, ApiError> {
    let place = place(&state, &id, "event").await?;
    acknowledged(retry::event(&state.writer, place).await?, &id, "event")
}
