//! `GET /api/status`: the time of the newest reading.

use axum::{extract::State, http::Uri, response::Response};
use weir_model::Micros;

use crate::{
    ApiError, ApiState, json,
    list::{Cell, object},
    openapi::StatusBody,
    query::Params,
};

/// Returns the time of the newest reading, as cloud-lada does; null if no reading is stored.
#[utoipa::path(
    get, path = "/api/status", security(("key" = ["read"])),
    operation_id = "readings_status", tag = "readings",
    responses((status = 200, description = "The time of the newest reading.", body = StatusBody)),
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
