//! `GET /api/status`: the time of the newest reading.

use axum::{extract::State, http::Uri, response::Response};
use weir_model::Micros;

use crate::{
    ApiError, ApiState, json,
    list::{Cell, object},
    openapi::StatusBody,
    query::Params,
};

/// The newest reading's own time, as cloud-lada has it; null when there is none.
#[utoipa::path(
    get, path = "/api/status", security(("key" = ["read"])),
    operation_id = "readings_status", tag = "readings",
    responses((status = 200, description = "How fresh the readings are.", body = StatusBody)),
)]
pub(crate) async fn status(State(state): State<ApiState>, uri: Uri) -> Result<Response, ApiError> {
    Params::of(&uri).done()?;
    let row = state.lists.row(include_str!("status.sql"), &[]).await?;
    let newest: Option<Micros> = row.map(|row| row.try_get("newest")).transpose()?.flatten();
    let mut body = Vec::new();
    object(&["lastIngestTimestamp"], &[Cell::from(newest)], &mut body);
    Ok(json::response(body))
}

#[cfg(test)]
mod tests {
    use crate::testing::ApiWorld;

    #[tokio::test]
    async fn the_newest_readings_time() {
        let world = ApiWorld::new().await;
        assert_eq!(world.get("/api/status").await.text(), r#"{"lastIngestTimestamp":null}"#);
        world
            .readings(&[
                ("speed", 1.0, "2020-01-03T00:00:00Z"),
                ("fuel", 1.0, "2020-01-02T00:00:00Z"),
            ])
            .await;
        assert_eq!(
            world.get("/api/status").await.text(),
            r#"{"lastIngestTimestamp":"2020-01-03T00:00:00.000Z"}"#
        );
    }
}
