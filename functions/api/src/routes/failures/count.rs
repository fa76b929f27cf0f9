//! `GET /v1/failures/count`: the number of failures.

use axum::{Json, extract::State, http::Uri};
use serde::Serialize;
use utoipa::ToSchema;
use weir_http::SqlParam;

use crate::{
    ApiError, ApiState, openapi::FilterParams, query::Params, routes::record_filter::RecordFilter,
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
    params(FilterParams),
    responses((status = 200, description = "The number of failures.", body = Count)),
)]
pub(crate) async fn count(
    State(state): State<ApiState>,
    uri: Uri,
) -> Result<Json<Count>, ApiError> {
    let mut params = Params::of(&uri);
    let filter = RecordFilter::take(&mut params)?;
    params.done()?;
    Ok(Json(Count { count: count_failures(&state, filter).await? }))
}

/// Returns how many failures pass the filter.
pub async fn count_failures(state: &ApiState, filter: RecordFilter) -> Result<i64, ApiError> {
    let filters = filter.values();
    let filters: Vec<SqlParam<'_>> =
        filters.iter().map(|(value, kind)| (value as _, kind.clone())).collect();
    let row = state.lists.row(include_str!("count.sql"), &filters).await?;
    Ok(row.map(|row| row.try_get("failures")).transpose()?.unwrap_or(0))
}
