//! Examples of answers with their requests. A test sends the requests and compares the answers.

/// An example. The arguments are the id of the operation, the method and the path. The answer is in
/// the file that has the id as its name.
macro_rules! example {
    ($id:literal, $method:literal, $path:literal) => {
        ($id, $method, $path, include_str!(concat!("examples/", $id, ".json")))
    };
}

/// Operation id, method, path and answer of each example. Times of arrival are fixed, because the
/// real ones are different each time.
pub(super) const EXAMPLES: &[(&str, &str, &str, &str)] = &[
    example!("home", "GET", "/"),
    example!("ping", "GET", "/ping"),
    ("live", "GET", "/livez", include_str!("examples/health.json")),
    ("ready", "GET", "/readyz", include_str!("examples/health.json")),
    example!("health", "GET", "/healthz"),
    example!("builds_list", "GET", "/build"),
    example!("builds_get", "GET", "/build/5a3b9c00-0000-4000-8000-000000000002"),
    example!("builds_disk_usage", "GET", "/build/5a3b9c00-0000-4000-8000-000000000002/disk-usage"),
    example!("builds_events", "GET", "/build/5a3b9c00-0000-4000-8000-000000000001/events?limit=1"),
    example!("builds_projects", "GET", "/project"),
    example!(
        "builds_project_builds",
        "GET",
        "/project/0e3c1f6a-2f50-4a86-9d5c-7b9c1a4f2d10/builds"
    ),
    example!(
        "builds_project_disk_usage",
        "GET",
        "/project/0e3c1f6a-2f50-4a86-9d5c-7b9c1a4f2d10/disk-usage"
    ),
    example!("readings_latest", "GET", "/api/statistics/latest"),
    example!("readings_location", "GET", "/api/location/latest"),
    example!("readings_status", "GET", "/api/status"),
    example!(
        "readings_sensor_day",
        "GET",
        "/api/statistics/sensor/speed/date/2026-01-02?bucket=12h"
    ),
    example!("events_list", "GET", "/v1/events?topic=readings&limit=1"),
    example!("events_get", "GET", "/v1/events/readings-0-0"),
    example!("failures_list", "GET", "/v1/failures?limit=1"),
    example!("failures_count", "GET", "/v1/failures/count"),
    example!("failures_summary", "GET", "/v1/failures/summary"),
    example!("failures_get", "GET", "/v1/failures/readings-0-4"),
    example!("models_all", "GET", "/v1/models"),
    example!("dumps_list", "GET", "/dumps?model=readings"),
    example!("dumps_day", "GET", "/dumps/readings/2026-01-02"),
    example!("list_builds", "GET", "/v1/builds?limit=1"),
    example!("list_readings", "GET", "/v1/readings?limit=2"),
    example!("list_cdevents", "GET", "/v1/cdevents?limit=1"),
    example!("cdevents_get", "GET", "/v1/cdevents/271069a8-fc18-44f1-b38f-9d70a1695819"),
    example!("subjects_list", "GET", "/v1/subjects/service"),
    example!("subjects_get", "GET", "/v1/subjects/service/shop"),
    example!("deployments_list", "GET", "/v1/deployments?at=2026-01-02T03:04:05Z"),
    example!("dora", "GET", "/v1/dora?from=2026-01-01T00:00:00Z&to=2026-01-08T00:00:00Z"),
    example!("daily_totals", "GET", "/plugins/daily_totals?limit=1"),
    example!("events_retry", "POST", "/v1/events/readings-0-0/retry"),
    example!("failures_retry_many", "POST", "/v1/failures/retry"),
    example!("failures_discard", "DELETE", "/v1/failures/readings-0-4"),
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
        let all = [
            ("speed", 12.5),
            ("engine_temperature", 60.0),
            ("location_latitude", 41.384),
            ("location_longitude", 2.176),
        ];
        world.readings(&all.map(|(sensor, value)| (sensor, value, at))).await;
        let artifact = "pkg:oci/shop@sha256%3A0b31b1c02ff458ad?tag=1.4.0";
        let event = |id: &str, what: &str, subject: &str, at: &str, content: Value| {
            serde_json::json!({"context": {"specversion": "0.5.1", "id": id, "source": "/harbour/deployer", "type": format!("dev.cdevents.{what}.0.3.0"), "timestamp": at},
                "subject": {"id": subject, "content": content}})
            .to_string()
        };
        let deployed =
            serde_json::json!({"environment": {"id": "production"}, "artifactId": artifact});
        world
            .cdevents(&[
                event(
                    "6ca3f9c5-1cef-4ce0-861c-2456a69cf137",
                    "artifact.published",
                    artifact,
                    "2026-01-02T01:00:00Z",
                    serde_json::json!({}),
                ),
                event(
                    "271069a8-fc18-44f1-b38f-9d70a1695819",
                    "service.deployed",
                    "shop",
                    "2026-01-02T03:00:00Z",
                    deployed,
                ),
            ])
            .await;
        let bad = r#"{"sensor":"speed","value":"fast","timestamp":"2026-01-02T03:04:05Z"}"#;
        world
            .deliver([Record {
                topic: "readings".into(),
                offset: 4,
                key: "speed".into(),
                value: bad.into(),
                ..Record::default()
            }])
            .await;
        world
    }

    /// Replaces the times of arrival, which come from the database's clock.
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
            let answer =
                world.ask(Method::from_bytes(method.as_bytes()).expect("a method"), path).await;
            assert!(answer.status.is_success(), "{path} {}", answer.text());
            let text =
                answer.headers["content-type"].to_str().expect("text").starts_with("text/plain");
            let mut json = if text { answer.text().into() } else { answer.json() };
            at_rest(&mut json);
            if serde_json::from_str::<Value>(example).expect("JSON") != json {
                wrong.push(format!("{name}\t{json}"));
            }
        }
        assert!(wrong.is_empty(), "these are the real answers:\n{}", wrong.join("\n"));
    }
}
