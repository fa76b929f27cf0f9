//! Examples of answers, each beside the request that gave it. A test asks again.

/// Operation id, method, path and answer. Times of arrival are made up: they are different every time.
pub(super) const EXAMPLES: &[(&str, &str, &str, &str)] = &[
    ("home", "GET", "/", include_str!("examples/home.json")),
    ("ping", "GET", "/ping", include_str!("examples/ping.json")),
    ("live", "GET", "/livez", include_str!("examples/health.json")),
    ("ready", "GET", "/readyz", include_str!("examples/health.json")),
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
    ("list_cdevents", "GET", "/v1/cdevents?limit=1", include_str!("examples/list_cdevents.json")),
    ("cdevents_get", "GET", "/v1/cdevents/271069a8-fc18-44f1-b38f-9d70a1695819", include_str!("examples/cdevents_get.json")),
    ("subjects_list", "GET", "/v1/subjects/service", include_str!("examples/subjects_list.json")),
    ("subjects_get", "GET", "/v1/subjects/service/shop", include_str!("examples/subjects_get.json")),
    ("deployments_list", "GET", "/v1/deployments?at=2026-01-02T03:04:05Z", include_str!("examples/deployments_list.json")),
    ("dora", "GET", "/v1/dora?from=2026-01-01T00:00:00Z&to=2026-01-08T00:00:00Z", include_str!("examples/dora.json")),
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
    use crate::testing::ApiWorld;

    async fn filled() -> ApiWorld {
        let world = ApiWorld::new().await;
        world.sample_builds().await;
        let at = "2026-01-02T03:04:05.678Z";
        let all = [("speed", 12.5), ("engine_temperature", 60.0), ("location_latitude", 41.384), ("location_longitude", 2.176)];
        world.readings(&all.map(|(sensor, value)| (sensor, value, at))).await;
        let artifact = "pkg:oci/shop@sha256%3A0b31b1c02ff458ad?tag=1.4.0";
        let event = |id: &str, what: &str, subject: &str, at: &str, content: Value| {
            serde_json::json!({"context": {"specversion": "0.5.1", "id": id, "source": "/harbour/deployer", "type": format!("dev.cdevents.{what}.0.3.0"), "timestamp": at},
                "subject": {"id": subject, "content": content}})
            .to_string()
        };
        let deployed = serde_json::json!({"environment": {"id": "production"}, "artifactId": artifact});
        world
            .cdevents(&[
                event(
                    "6ca3f9c5-1cef-4ce0-861c-2456a69cf137",
                    "artifact.published",
                    artifact,
                    "2026-01-02T01:00:00Z",
                    serde_json::json!({}),
                ),
                event("271069a8-fc18-44f1-b38f-9d70a1695819", "service.deployed", "shop", "2026-01-02T03:00:00Z", deployed),
            ])
            .await;
        let bad = r#"{"sensor":"speed","value":"fast","timestamp":"2026-01-02T03:04:05Z"}"#;
        world.deliver([Record { topic: "readings".into(), offset: 4, key: "speed".into(), value: bad.into(), ..Record::default() }]).await;
        world
    }

    /// Arrival is the database's clock.
    fn at_rest(json: &mut Value) {
        match json {
            Value::Array(all) => all.iter_mut().for_each(at_rest),
            Value::Object(members) => {
                for name in ["created_at", "imported_at"] {
                    if let Some(arrived) = members.get_mut(name) {
                        *arrived = "2026-01-02T03:04:06.789Z".into();
                    }
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
