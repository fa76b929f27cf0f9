//! `GET /api/location/latest`: the latest location.

use axum::{extract::State, http::Uri, response::Response};
use tokio_postgres::types::Type;
use weir_model::listing::{ColumnKind, ListColumn};

use crate::{
    ApiError, ApiState, json,
    list::{Columns, one},
    openapi::listed_body,
    query::Params,
};

/// The sensors of latitude and longitude.
pub(super) const SENSORS: [&str; 2] = ["location_latitude", "location_longitude"];

const COLUMNS: &[ListColumn] = &[
    ListColumn::of("latitude", ColumnKind::Float8, "Degrees north."),
    ListColumn::of("longitude", ColumnKind::Float8, "Degrees east."),
    ListColumn::of("timestamp", ColumnKind::Instant, "The time of the position."),
];

listed_body!(LocationBody, "Location", "A position.", COLUMNS.iter());

/// Returns the newest position, or 404.
#[utoipa::path(
    get, path = "/api/location/latest", security(("key" = ["read"])),
    operation_id = "readings_location", tag = "readings",
    responses((status = 200, description = "The newest position.", body = LocationBody), (status = 404, description = "No position is stored.", body = crate::openapi::Problem, content_type = "application/problem+json")),
)]
pub(crate) async fn location(
    State(state): State<ApiState>,
    uri: Uri,
) -> Result<Response, ApiError> {
    Params::of(&uri).done()?;
    let [latitude, longitude] = SENSORS;
    let row = state
        .reader
        .row(include_str!("location.sql"), &[(&latitude, Type::TEXT), (&longitude, Type::TEXT)])
        .await?;
    let row = row.ok_or_else(|| ApiError::NotFound {
        what: "location",
        id: "of the latest reading".to_owned(),
    })?;
    Ok(json::response(one(&Columns(COLUMNS), &row)?))
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use serde_json::json;

    use crate::testing::ApiWorld;

    #[tokio::test]
    async fn the_newest_pair() {
        let world = ApiWorld::new().await;
        world.get("/api/location/latest").await.is_problem(StatusCode::NOT_FOUND, "NOT_FOUND");
        world.readings(&[("location_latitude", 40.0, "2020-01-01T00:00:05Z")]).await;
        world.get("/api/location/latest").await.is_problem(StatusCode::NOT_FOUND, "NOT_FOUND");
        world.readings(&[("location_longitude", 41.0, "2020-01-01T00:00:04Z")]).await;
        let location = async || world.get("/api/location/latest").await.json();
        assert_eq!(
            location().await,
            json!({"latitude": 40, "longitude": 41, "timestamp": "2020-01-01T00:00:04.000Z"})
        );
        world
            .readings(&[
                ("location_latitude", 50.0, "2020-01-01T00:00:03Z"),
                ("location_longitude", 51.0, "2020-01-01T00:00:03Z"),
            ])
            .await;
        assert_eq!(
            location().await,
            json!({"latitude": 50, "longitude": 51, "timestamp": "2020-01-01T00:00:03.000Z"})
        );
    }
}
