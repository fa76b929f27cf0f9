//! `GET /v1/failures/count`: the number of failures.

use axum::{Json, extract::State, http::Uri};
use serde::Serialize;
use utoipa::ToSchema;

use super::filter::FailureFilter;
use crate::{
    ApiError, ApiState,
    list::Value,
    openapi::{ClassParams, FilterParams},
    query::Params,
};

/// `{"count":3}`.
#[derive(Serialize, ToSchema)]
pub(crate) struct Count {
    /// The number of failures that pass the filters and were not discarded.
    pub(crate) count: i64,
}

/// Returns the number of failures that the list would show.
#[utoipa::path(
    get, path = "/v1/failures/count", security(("key" = ["read"])),
    operation_id = "failures_count", tag = "failures",
    params(FilterParams, ClassParams),
    responses((status = 200, description = "The number of failures.", body = Count)),
)]
pub(crate) async fn count(
    State(state): State<ApiState>,
    uri: Uri,
) -> Result<Json<Count>, ApiError> {
    let mut params = Params::of(&uri);
    let filter = FailureFilter::take(&state, &mut params).await?;
    params.done()?;
    Ok(Json(Count { count: count_failures(&state, filter).await? }))
}

/// Returns how many failures pass the filter. Reads no failures if the counts know all filters.
pub async fn count_failures(state: &ApiState, filter: FailureFilter) -> Result<i64, ApiError> {
    let (sql, filters) = if filter.is_counted() {
        (include_str!("counted.sql"), filter.counted_values())
    } else {
        (include_str!("count.sql"), filter.values())
    };
    let row = state.lists.row(sql, &Value::params(&filters)).await?;
    Ok(row.map(|row| row.try_get("failures")).transpose()?.unwrap_or(0))
}
