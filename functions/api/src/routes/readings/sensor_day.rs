//! `GET /api/statistics/sensor/{sensor}/date/{date}`: a sensor's averages over a UTC day.

use std::collections::BTreeMap;

use axum::{
    extract::{Path, State, rejection::PathRejection},
    http::Uri,
    response::Response,
};
use tokio_postgres::types::Type;
use weir_http::SqlParam;
use weir_model::{Micros, excerpt, readings::is_sensor, time::DAY_MICROS};

use crate::{
    ApiError, ApiState, json,
    list::{Cell, object},
    openapi::AverageBody,
    query::Params,
};

const MINUTE: i64 = 60_000_000;

/// Returns the averages of a day per bucket, ascending.
///
/// Buckets without readings have the average 0, as in cloud-lada, unless `fill=none`. The list is
/// empty for a day without readings.
#[utoipa::path(
    get, path = "/api/statistics/sensor/{sensor}/date/{date}", security(("key" = ["read"])),
    operation_id = "readings_sensor_day", tag = "readings",
    params(("sensor" = String, Path, description = "Name of the sensor.", pattern = "^[a-z][a-z0-9_]{0,62}$"), ("date" = String, Path, description = "A UTC day.", format = Date), ("bucket" = Option<String>, Query, description = "The width of a bucket: 1m to 1440m, 1h to 24h, or 1d; the default is 15m.", pattern = "^([1-9][0-9]?m|[1-9]h|1d)$"), ("fill" = Option<String>, Query, description = "`none` leaves out buckets without readings. By default their average is 0.", pattern = "^(zero|none)$")),
    responses((status = 200, description = "Averages, ascending. The list is empty for a day without readings.", body = Vec<AverageBody>)),
)]
pub(crate) async fn sensor_day(
    State(state): State<ApiState>,
    path: Result<Path<(String, String)>, PathRejection>,
    uri: Uri,
) -> Result<Response, ApiError> {
    let Path((sensor, date)) =
        path.map_err(|_| ApiError::parameter("sensor", "is not a text", SENSOR_HINT))?;
    let mut params = Params::of(&uri);
    let bucket = bucket(params.text("bucket")?.as_deref().unwrap_or("15m"))?;
    let fill = params.word("fill", &["zero", "none"])? != Some("none");
    params.done()?;
    if !is_sensor(&sensor) {
        return Err(ApiError::parameter(
            "sensor",
            format_args!("is {}", excerpt(&sensor)),
            SENSOR_HINT,
        ));
    }
    let wrong = || {
        ApiError::parameter(
            "date",
            format_args!("is {}", excerpt(&date)),
            "write a date like 2025-01-31",
        )
    };
    let day = Micros::from_rfc3339(&format!("{date}T00:00:00Z"))
        .filter(|_| date.len() == "2025-01-31".len())
        .ok_or_else(wrong)?;

    let params: [SqlParam<'_>; 3] =
        [(&sensor, Type::TEXT), (&day, Type::TIMESTAMPTZ), (&bucket, Type::INT8)];
    let rows = state.lists.rows(include_str!("sensor_day.sql"), &params).await?;
    let mut averages = BTreeMap::new();
    for row in &rows {
        averages.insert(row.try_get::<_, Micros>("start")?, row.try_get::<_, f64>("average")?);
    }
    if fill && !averages.is_empty() {
        for at in (day.0..day.0 + DAY_MICROS).step_by(usize::try_from(bucket).unwrap_or(usize::MAX))
        {
            averages.entry(Micros(at)).or_insert(0.0);
        }
    }
    let mut body = vec![b'['];
    for (n, (at, average)) in averages.into_iter().enumerate() {
        if n > 0 {
            body.push(b',');
        }
        object(
            &["sensor", "value", "timestamp"],
            &[sensor.as_str().into(), Cell::Float(average), Cell::Instant(at)],
            &mut body,
        );
    }
    body.push(b']');
    Ok(json::response(body))
}

const SENSOR_HINT: &str =
    "a sensor's name has at most 63 characters, which are a-z, 0-9 and _, and begins with a letter";

/// Returns the width of a bucket in microseconds: whole minutes or hours, one minute to one day.
fn bucket(text: &str) -> Result<i64, ApiError> {
    let wrong = || {
        ApiError::parameter(
            "bucket",
            format_args!("is {}", excerpt(text)),
            "give 1m to 1440m, 1h to 24h, or 1d",
        )
    };
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(wrong)?;
    let minutes = match unit {
        "m" => 1,
        "h" => 60,
        "d" => 24 * 60,
        _ => return Err(wrong()),
    };
    let count = Some(number)
        .filter(|n| n.bytes().all(|b| b.is_ascii_digit()))
        .and_then(|n| n.parse::<i64>().ok());
    let width = count.and_then(|n| n.checked_mul(minutes * MINUTE));
    width.filter(|w| (MINUTE..=DAY_MICROS).contains(w)).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use serde_json::json;

    use super::*;
    use crate::testing::ApiWorld;

    #[test]
    fn a_bucket_is_a_minute_to_a_day() {
        for (text, minutes) in [
            ("1m", 1),
            ("15m", 15),
            ("1440m", 1440),
            ("1h", 60),
            ("24h", 1440),
            ("1d", 1440),
            ("7m", 7),
        ] {
            assert_eq!(bucket(text).ok(), Some(minutes * MINUTE), "{text}");
        }
        for text in [
            "",
            "m",
            "0m",
            "2d",
            "25h",
            "1441m",
            "-1m",
            "+1m",
            "1.5h",
            "15",
            "1s",
            "99999999999999999999m",
            "1é",
        ] {
            assert!(bucket(text).is_err(), "{text}");
        }
    }

    #[tokio::test]
    async fn a_day_has_96_averages_ascending_and_gaps_are_zero() {
        let world = ApiWorld::new().await;
        world
            .readings(&[
                ("speed", 1.0, "2020-01-01T23:59:59.999Z"),
                ("speed", 2.0, "2020-01-02T00:00:00Z"),
                ("speed", 4.0, "2020-01-02T00:14:59.999Z"),
                ("speed", 10.0, "2020-01-02T23:45:00Z"),
                ("speed", 99.0, "2020-01-03T00:00:00Z"),
                ("fuel", 50.0, "2020-01-02T12:00:00Z"),
            ])
            .await;
        let day = "/api/statistics/sensor/speed/date/2020-01-02";
        let answer = world.get(day).await.json();
        let all = answer.as_array().expect("an array");
        assert_eq!(all.len(), 96);
        assert_eq!(
            all[0],
            json!({"sensor": "speed", "value": 3, "timestamp": "2020-01-02T00:00:00.000Z"})
        );
        assert_eq!(
            all[1],
            json!({"sensor": "speed", "value": 0, "timestamp": "2020-01-02T00:15:00.000Z"})
        );
        assert_eq!(
            all[95],
            json!({"sensor": "speed", "value": 10, "timestamp": "2020-01-02T23:45:00.000Z"})
        );
        assert_eq!(world.get(&format!("{day}?fill=none")).await.json(), json!([all[0], all[95]]));
        let hours = world.get(&format!("{day}?bucket=12h")).await.json();
        let expected = [("2020-01-02T00:00:00.000Z", 3), ("2020-01-02T12:00:00.000Z", 10)];
        assert_eq!(
            hours,
            json!(
                expected
                    .map(|(at, value)| json!({"sensor": "speed", "value": value, "timestamp": at}))
            )
        );
        assert_eq!(world.get("/api/statistics/sensor/speed/date/2020-01-05").await.text(), "[]");
        assert_eq!(world.get("/api/statistics/sensor/nobody/date/2020-01-02").await.text(), "[]");
    }

    #[tokio::test]
    async fn what_is_wrong_is_named() {
        let world = ApiWorld::new().await;
        let path =
            |sensor: &str, date: &str| format!("/api/statistics/sensor/{sensor}/date/{date}");
        for wrong in [
            path("Speed", "2020-01-02"),
            path("speed", "2020-02-30"),
            path("speed", "2020-1-2"),
            path("speed", "today"),
            path("%ff", "2020-01-02"),
            path("speed", "2020-01-02?bucket=2d"),
            path("speed", "2020-01-02?fill=one"),
            path("speed", "2020-01-02?x=1"),
        ] {
            world.get(&wrong).await.is_problem(StatusCode::BAD_REQUEST, "INVALID_PARAMETER");
        }
    }
}
