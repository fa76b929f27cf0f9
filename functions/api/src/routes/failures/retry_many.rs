//! `POST /v1/failures/retry`: runs all failures that match the filters through their model again.

use std::time::Duration;

use axum::{Extension, Json, extract::State, http::Uri};
use serde::Serialize;
use tokio::time::Instant;
use tokio_postgres::types::Type;
use utoipa::ToSchema;
use weir_http::Deadline;
use weir_store::retry::{self, RecordCoordinates, Retried};

use super::{count::count_failures, filter::FailureFilter};
use crate::{
    ApiError, ApiState,
    list::Value,
    openapi::{ClassParams, FilterParams},
    query::{LIMIT_MAX, Params},
};

/// The part of the request's time that is reserved for the answer.
const RESERVE: Duration = Duration::from_secs(5);

/// The numbers of failures by result.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct RetriedMany {
    /// The number of records that were stored and projected.
    pub acknowledged: u64,
    /// The number of records that were skipped or already stored. They are no longer failures.
    pub skipped: u64,
    /// The number of records that were refused again.
    pub failed: u64,
    /// The number of failures that still pass the filters, including the refused ones.
    pub remaining: i64,
}

/// Retries at most `limit` failures, each in a separate transaction.
///
/// Failures with fewer attempts come first. The retries end 5 s before the deadline of the request.
#[utoipa::path(
    post, path = "/v1/failures/retry", security(("key" = ["admin"])),
    operation_id = "failures_retry_many", tag = "failures",
    params(FilterParams, ClassParams, ("limit" = Option<i64>, Query, description = "The most failures to retry; the default is 1000.", minimum = 1, maximum = 1000)),
    responses((status = 200, description = "The numbers of failures by result.", body = RetriedMany)),
)]
pub(crate) async fn retry_many(
    State(state): State<ApiState>,
    Extension(Deadline(deadline)): Extension<Deadline>,
    uri: Uri,
) -> Result<Json<RetriedMany>, ApiError> {
    let mut params = Params::of(&uri);
    let limit = params.limit()?.unwrap_or(LIMIT_MAX);
    let filter = FailureFilter::take(&state, &mut params).await?;
    params.done()?;
    retry_failures(&state, filter, limit, deadline).await.map(Json)
}

/// Retries at most `limit` failures that pass the filter, and ends 5 s before the deadline.
pub async fn retry_failures(
    state: &ApiState,
    filter: FailureFilter,
    limit: i64,
    deadline: Instant,
) -> Result<RetriedMany, ApiError> {
    let mut pending = filter.clone().values();
    pending.push((Value::Int8(limit), Type::INT8));
    let mut done = RetriedMany::default();
    for row in state.lists.rows(include_str!("pending.sql"), &Value::params(&pending)).await? {
        if deadline.saturating_duration_since(Instant::now()) < RESERVE {
            break;
        }
        let place = RecordCoordinates {
            stream: row.try_get("stream")?,
            partition: row.try_get("partition")?,
            offset: row.try_get("offset")?,
        };
        match retry::failure(&state.writer, place).await? {
            Retried::Acknowledged => done.acknowledged += 1,
            Retried::Skipped | Retried::AlreadyStored => done.skipped += 1,
            Retried::Refused { .. } | Retried::Unbound => done.failed += 1,
            // Another request has already handled this failure.
            Retried::NotFound => {}
        }
    }
    done.remaining = count_failures(state, filter).await?;
    Ok(done)
}
