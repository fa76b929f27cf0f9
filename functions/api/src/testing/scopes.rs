//! Tests of the scope of each route.

use std::collections::BTreeSet;

use axum::http::StatusCode;

use weir_http::Key;

use super::{ApiWorld, filled, keys};

/// Every route with the keys that open it: `r`ead, `w`rite, `a`dmin; `-` means no key.
const TABLE: &[(&str, &str, &str)] = &[
    ("GET", "/", "-rwa"),
    ("GET", "/ping", "-rwa"),
    ("GET", "/livez", "-rwa"),
    ("GET", "/readyz", "-rwa"),
    ("GET", "/healthz", "-rwa"),
    ("GET", "/docs", "-rwa"),
    ("GET", "/docs/", "-rwa"),
    ("GET", "/docs/swagger-ui.css", "-rwa"),
    ("GET", "/openapi.json", "-rwa"),
    ("GET", "/build", "ra"),
    ("GET", "/build/{build}", "ra"),
    ("GET", "/build/{build}/disk-usage", "ra"),
    ("GET", "/build/{build}/events", "ra"),
    ("GET", "/project", "ra"),
    ("GET", "/project/{project}/builds", "ra"),
    ("GET", "/project/{project}/disk-usage", "ra"),
    ("GET", "/api/statistics/latest", "ra"),
    ("GET", "/api/statistics/sensor/{sensor}/date/{date}", "ra"),
    ("GET", "/api/location/latest", "ra"),
    ("GET", "/api/status", "ra"),
    ("GET", "/v1/events", "ra"),
    ("GET", "/v1/events/{id}", "ra"),
    ("POST", "/v1/events/{id}/retry", "a"),
    ("GET", "/v1/failures", "ra"),
    ("GET", "/v1/failures/count", "ra"),
    ("GET", "/v1/failures/summary", "ra"),
    ("POST", "/v1/failures/retry", "a"),
    ("GET", "/v1/failures/{id}", "ra"),
    ("DELETE", "/v1/failures/{id}", "a"),
    ("POST", "/v1/failures/{id}/retry", "wa"),
    ("GET", "/v1/models", "ra"),
    ("GET", "/v1/builds", "ra"),
    ("GET", "/v1/readings", "ra"),
    ("GET", "/dumps", "ra"),
    ("GET", "/dumps/{model}/{day}", "ra"),
    ("GET", "/dumps/{model}/{day}/{file}", "ra"),
    ("GET", "/v1/cdevents", "ra"),
    ("GET", "/v1/cdevents/{id}", "ra"),
    ("GET", "/v1/subjects/{kind}", "ra"),
    ("GET", "/v1/subjects/{kind}/{id}", "ra"),
    ("GET", "/v1/deployments", "ra"),
    ("GET", "/v1/dora", "ra"),
    ("GET", "/plugins/daily_totals", "ra"),
];

#[tokio::test]
async fn every_route_times_every_scope() {
    let list = [("reader", "read", 1), ("writer", "write", 2), ("root", "admin", 3)];
    let world = ApiWorld::without_database().with_access(keys(&list).await);
    let shown = [("-", None), ("r", Some(1)), ("w", Some(2)), ("a", Some(3))];
    let mut seen = BTreeSet::new();
    for &(method, route, opens) in TABLE {
        seen.insert((method.to_ascii_lowercase(), route.to_owned()));
        let path = filled(route);
        for (letter, byte) in shown {
            let key = byte.map(|byte| format!("Bearer {}", Key::new([byte; 32]).reveal()));
            let headers: Vec<(&str, &str)> =
                key.iter().map(|key| ("authorization", key.as_str())).collect();
            let answer = world.ask_with(method.parse().unwrap(), &path, &headers).await;
            let refused =
                [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].contains(&answer.status);
            assert_eq!(
                !refused,
                opens.contains(letter),
                "{method} {path} with {letter}: {}",
                answer.status
            );
            // No request changed anything. The only errors come from the database, which is away.
            assert!(
                refused || !answer.status.is_client_error(),
                "{method} {path} with {letter}: {}",
                answer.status
            );
        }
    }
    let document = world.get("/openapi.json").await.json();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            assert!(
                seen.contains(&(method.clone(), path.clone())),
                "{method} {path} is not in the table"
            );
        }
    }
}
