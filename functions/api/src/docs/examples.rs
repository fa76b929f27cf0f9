//! Examples of answers, each beside the request that gave it. A test asks again.

/// Operation id, method, path and answer. Times of arrival are made up: they are different every time.
pub(super) const EXAMPLES: [(&str, &str, &str, &str); 28] = [
    ("home", "GET", "/", include_str!("examples/home.json")),
    ("ping", "GET", "/ping", include_str!("examples/ping.json")),
    ("health", "GET", "/healthz", include_str!("examples/health.json")),
    ("builds_list", "GET", "/build", include_str!("examples/builds_list.json")),
    ("builds_get", "GET", "/build/5a3b9c00-0000-4000-8000-000000000002", include_str!("examples/builds_get.json")),
    ("builds_disk_usage", "GET", "/build/5a3b9c00-0000-4000-8000-000000000002/disk-usage", include_str!("examples/builds_disk_usage.json")),
    ("builds_events", "GET", "/build/5a3b9c00-0000-4000-8000-000000000001/events?limit=1", include_str!("examples/builds_events.json")),
    ("builds_projects", "GET", "/project", include_str!("examples/builds_projects.json")),
    (
        "builds_project_builds",
        "GET",
        "/project/0e3c1f6a-2f50-4a86-9d5c-7b9c1a4f2d10/builds",
        include_str!("examples/builds_project_builds.json"),
    ),
    (
        "builds_project_disk_usage",
        "GET",
        "/project/0e3c1f6a-2f50-4a86-9d5c-7b9c1a4f2d10/disk-usage",
        include_str!("examples/builds_project_disk_usage.json"),
    ),
    ("readings_latest", "GET", "/api/statistics/latest", include_str!("examples/readings_latest.json")),
    ("readings_location", "GET", "/api/location/latest", include_str!("examples/readings_location.json")),
    ("readings_status", "GET", "/api/status", include_str!("examples/readings_status.json")),
    (
        "readings_sensor_day",
        "GET",
        "/api/statistics/sensor/speed/date/2026-01-02?bucket=12h",
        include_str!("examples/readings_sensor_day.json"),
    ),
    ("events_list", "GET", "/v1/events?topic=readings&limit=1", include_str!("examples/events_list.json")),
    ("events_get", "GET", "/v1/events/readings-0-0", include_str!("examples/events_get.json")),
    ("failures_list", "GET", "/v1/failures?limit=1", include_str!("examples/failures_list.json")),
    ("failures_count", "GET", "/v1/failures/count", include_str!("examples/failures_count.json")),
    ("failures_get", "GET", "/v1/failures/readings-0-4", include_str!("examples/failures_get.json")),
    ("models_all", "GET", "/v1/models", include_str!("examples/models_all.json")),
    ("dumps_list", "GET", "/dumps?model=readings", include_str!("examples/dumps_list.json")),
    ("dumps_day", "GET", "/dumps/readings/2026-01-02", include_str!("examples/dumps_day.json")),
    ("list_builds", "GET", "/v1/builds?limit=1", include_str!("examples/list_builds.json")),
    ("list_readings", "GET", "/v1/readings?limit=2", include_str!("examples/list_readings.json")),
    ("daily_totals", "GET", "/plugins/daily_totals?limit=1", include_str!("examples/daily_totals.json")),
    ("events_retry", "POST", "/v1/events/readings-0-0/retry", include_str!("examples/events_retry.json")),
    ("failures_retry_many", "POST", "/v1/failures/retry", include_str!("examples/failures_retry_many.json")),
    ("failures_discard", "DELETE", "/v1/failures/readings-0-4", include_str!("examples/failures_discard.json")),
];

#[cfg(test)]
mod tests {
    use axum::http::Method;
    use serde_json::Value;
    use weir_testkit::Record;

    use super::EXAMPLES;
    use crate::world::World;

    async fn filled() -> World {
        let world = World::new().await;
        world.sample_builds().await;
        let at = "2026-01-02T03:04:05.678Z";
        let all = [("speed", 12.5), ("engine_temperature", 60.0), ("location_latitude", 41.384), ("location_longitude", 2.176)];
        world.readings(&all.map(|(sensor, value)| (sensor, value, at))).await;
        let bad = r#"{"sensor":"speed","value":"fast","timestamp":"2026-01-02T03:04:05Z"}"#;
        world.deliver([Record { topic: "readings".into(), offset: 4, key: "speed".into(), value: bad.into(), ..Record::default() }]).await;
        world
    }

    /// Arrival is the database's clock.
    fn at_rest(json: &mut Value) {
        match json {
            Value::Array(all) => all.iter_mut().for_each(at_rest),
            Value::Object(members) => {
                if let Some(created_at) = members.get_mut("created_at") {
                    *created_at = "2026-01-02T03:04:06.789Z".into();
                }
                members.values_mut().for_each(at_rest);
            }
            _ => {}
        }
    }

    #[tokio::test]
    async fn every_example_is_a_real_answer() {
        let world = filled().await;
        let mut wrong = Vec::new();
        for (name, method, path, example) in EXAMPLES {
            let answer = world.ask(Method::from_bytes(method.as_bytes()).expect("a method"), path).await;
            assert!(answer.status.is_success(), "{path} {}", answer.text());
            let text = answer.headers["content-type"].to_str().expect("text").starts_with("text/plain");
            let mut json = if text { answer.text().into() } else { answer.json() };
            at_rest(&mut json);
            if serde_json::from_str::<Value>(example).expect("JSON") != json {
                wrong.push(format!("{name}\t{json}"));
            }
        }
        assert!(wrong.is_empty(), "these are the real answers:\n{}", wrong.join("\n"));
    }
}
