//! `GET /api/statistics/latest`: the latest value of each sensor.

use axum::{extract::State, http::Uri, response::Response};
use tokio_postgres::types::Type;

use super::location::SENSORS;
use crate::{
    ApiError, ApiState, json,
    list::{Cell, object},
    query::{LIMIT_MAX, Params},
};

/// Returns an object with one member for each sensor, named in camelCase.
///
/// A sensor without a reading has no member. The two location sensors have a separate route. The
/// answer has at most 1,000 sensors, sorted by name.
#[utoipa::path(
    get, path = "/api/statistics/latest", security(("key" = ["read"])),
    operation_id = "readings_latest", tag = "readings",
    responses((status = 200, description = "The latest value of each sensor.", body = BTreeMap<String, f64>)),
)]
pub(crate) async fn latest(State(state): State<ApiState>, uri: Uri) -> Result<Response, ApiError> {
    Params::of(&uri).done()?;
    let rows = state
        .lists
        .rows(
            include_str!("latest.sql"),
            &[(&SENSORS.as_slice(), Type::TEXT_ARRAY), (&LIMIT_MAX, Type::INT8)],
        )
        .await?;
    let mut names = Vec::with_capacity(rows.len());
    let mut values = Vec::with_capacity(rows.len());
    for row in &rows {
        names.push(camel_case(row.try_get("sensor")?));
        values.push(Cell::Float(row.try_get("value")?));
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut body = Vec::new();
    object(&names, &values, &mut body);
    Ok(json::response(body))
}

/// `engine_temperature` becomes `engineTemperature`. `revolution` becomes `revolutions`, as in
/// cloud-lada.
fn camel_case(sensor: &str) -> String {
    if sensor == "revolution" {
        return "revolutions".to_owned();
    }
    let mut parts = sensor.split('_').filter(|part| !part.is_empty());
    let mut name = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (first, rest) = part.split_at(1);
        name.push_str(&first.to_ascii_uppercase());
        name.push_str(rest);
    }
    name
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::ApiWorld;

    #[test]
    fn names_are_in_camel_case() {
        for (sensor, name) in [
            ("speed", "speed"),
            ("engine_temperature", "engineTemperature"),
            ("revolution", "revolutions"),
            ("a__b_2c_", "aB2c"),
        ] {
            assert_eq!(camel_case(sensor), name);
        }
    }

    #[tokio::test]
    async fn the_latest_of_each_and_no_made_up_zero() {
        let world = ApiWorld::new().await;
        assert_eq!(world.get("/api/statistics/latest").await.text(), "{}");
        world
            .readings(&[
                ("speed", 7.5, "2020-01-01T00:00:01Z"),
                ("speed", 10.0, "2020-01-01T00:00:02Z"),
                ("engine_temperature", 30.0, "2020-01-01T00:00:00Z"),
                ("revolution", 1000.0, "2020-01-01T00:00:00Z"),
                ("location_latitude", 50.0, "2020-01-01T00:00:00Z"),
                ("location_longitude", 51.0, "2020-01-01T00:00:00Z"),
            ])
            .await;
        let answer = world.get("/api/statistics/latest").await;
        assert_eq!(
            answer.json(),
            json!({"speed": 10, "engineTemperature": 30, "revolutions": 1000})
        );
        assert!(
            answer.text().contains("\"speed\":10}") || answer.text().contains("\"speed\":10,"),
            "{}",
            answer.text()
        );
    }
}
