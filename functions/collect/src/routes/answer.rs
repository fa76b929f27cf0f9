//! Converts the report of a body into the answer.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::CollectError;
use crate::intake::Report;

/// The form of a successful answer.
pub(super) enum Good {
    /// `{}`, as in cloud-lada.
    Empty,
    /// The count, with this status.
    Count(StatusCode),
}

/// Returns the answer to a body of many values.
pub(super) fn answer(report: &Report, good: &Good) -> Response {
    if let Some(fault) = CollectError::ended(report) {
        return fault.into_response();
    }
    if !report.is_good() {
        // This is the one error that is not problem+json: cloud-lada's clients read this form.
        return (StatusCode::BAD_REQUEST, Json(Value::Object(report.members()))).into_response();
    }
    match good {
        Good::Empty => Json(json!({})).into_response(),
        Good::Count(status) => {
            (*status, Json(json!({"accepted": report.accepted}))).into_response()
        }
    }
}
