//! The answers of retries.

use serde::Serialize;
use utoipa::ToSchema;
use weir_http::ProblemCode;
use weir_store::{
    event_id::EventId,
    retry::{self, RecordCoordinates, Retried},
};

use crate::{ApiError, ApiState};

/// `{"acknowledged":true}`.
#[derive(Debug, Serialize, ToSchema)]
pub struct Acknowledged {
    /// Whether the record was stored as an event and projected.
    pub acknowledged: bool,
}

/// Returns the coordinates of the record with an id, or 404.
pub(crate) async fn place(
    state: &ApiState,
    id: &EventId,
    what: &'static str,
) -> Result<RecordCoordinates, ApiError> {
    retry::place_of(state.store(), id)
        .await?
        .ok_or_else(|| ApiError::NotFound { what, id: id.to_string() })
}

/// Returns the answer to a retry of one record.
pub(crate) fn acknowledged(
    retried: Retried,
    id: &EventId,
    what: &'static str,
) -> Result<Acknowledged, ApiError> {
    match retried {
        Retried::Acknowledged => Ok(Acknowledged { acknowledged: true }),
        Retried::Skipped | Retried::AlreadyStored => Ok(Acknowledged { acknowledged: false }),
        Retried::NotFound => Err(ApiError::NotFound { what, id: id.to_string() }),
        Retried::Unbound => Err(ApiError::Unprocessable {
            code: ProblemCode::NoModel,
            detail: format!("no model is bound to topic {}", id.topic),
            hint: "bind a model with --topics (TOPICS), then retry",
        }),
        Retried::Refused { class, message } => Err(ApiError::Unprocessable {
            code: ProblemCode::Refused,
            detail: format!("{class}: {message}"),
            hint: "the record is unchanged; retry after the model, the plugin or the database was \
                corrected",
        }),
    }
}
