//! What became of a body, as its sender is told.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::CollectError;
use crate::intake::Report;

/// Everything is in Kafka.
pub(super) enum Good {
    /// `{}`, as cloud-lada had it.
    Empty,
    /// With the count, and this status.
    Count(StatusCode),
}

/// The answer to a body of many values.
pub(super) fn answer(report: &Report, good: &Good) -> Response {
    if let Some(fault) = CollectError::ended(report) {
        return fault.into_response();
    }
    if !report.is_good() {
        // The one error that is no problem+json: cloud-lada's clients read it.
        return (StatusCode::BAD_REQUEST, Json(Value::Object(report.members()))).into_response();
    }
    match good {
        Good::Empty => Json(json!({})).into_response(),
        Good::Count(status) => {
            (*status, Json(json!({"accepted": report.accepted}))).into_response()
        }
    }
}
