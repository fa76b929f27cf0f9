//! Every route works with the rights of the role `weir_api`.

use axum::http::{Method, StatusCode};
use weir_testkit::Record;

use super::{ApiWorld, filled};

/// Fills each table that the API reads.
async fn filled_world() -> ApiWorld {
    let world = ApiWorld::in_its_role().await;
    world.readings(&[("speed", 1.0, "2026-01-02T00:00:00Z")]).await;
    world.sample_builds().await;
    world.sample_cdevents().await;
    let order = |offset, value: &str| Record {
        topic: "orders".into(),
        offset,
        value: value.into(),
        ..Record::default()
    };
    // Two failures, and a gap before the last record.
    world.deliver([order(0, r#"{"id":"a"}"#), order(1, "no JSON"), order(2, "no JSON")]).await;
    world.deliver([order(5, r#"{"id":"b"}"#)]).await;
    world
        .client()
        .await
        .batch_execute(
            "INSERT INTO stream_contradictions (stream, partition, first_offset, end_offset, what)
             SELECT p.stream, p.partition, 0, 5, 'recreated' FROM stream_partitions p JOIN streams s ON s.id = p.stream WHERE s.topic = 'orders'",
        )
        .await
        .expect("noted");
    world
}

#[tokio::test]
async fn every_get_route_answers() {
    let world = filled_world().await;
    let connection = world.store().connect().await.expect("connects");
    let role = connection.client().query_one("SELECT current_user::text", &[]).await;
    assert_eq!(role.expect("a role").get::<_, String>(0), "weir_api");

    let document = world.get("/openapi.json").await.json();
    let paths = document["paths"].as_object().expect("paths");
    let routes = paths.iter().filter(|(_, item)| item.get("get").is_some());
    let mut asked = 0;
    for (route, _) in routes {
        let path = filled(route).replace("a-0-0", "orders-0-1");
        let answer = world.get(&path).await;
        assert!(!answer.status.is_server_error(), "{path}: {} {}", answer.status, answer.text());
        asked += 1;
    }
    assert!(asked > 25, "{asked}");
    // These answers hide a table that cannot be read.
    let health = world.get("/healthz").await.json();
    let kinds: Vec<_> = health["reasons"]
        .as_array()
        .expect("reasons")
        .iter()
        .map(|reason| reason["kind"].as_str().unwrap_or_default())
        .collect();
    assert_eq!(kinds, ["contradiction", "gap"], "{health}");
}

#[tokio::test]
async fn the_routes_that_change_something_do_it() {
    let world = filled_world().await;
    for (method, path, status) in [
        (Method::POST, "/v1/failures/orders-0-1/retry", StatusCode::UNPROCESSABLE_ENTITY),
        (Method::POST, "/v1/failures/retry", StatusCode::OK),
        (Method::DELETE, "/v1/failures/orders-0-1", StatusCode::OK),
        (Method::POST, "/v1/events/orders-0-0/retry", StatusCode::OK),
        (Method::POST, "/v1/events/readings-0-0/retry", StatusCode::OK),
    ] {
        let answer = world.ask(method, path).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
    }
}

/// The grant is a list of columns, which must have every column that a retry changes.
#[tokio::test]
async fn a_skip_becomes_an_event() {
    let world = filled_world().await;
    let skip = "UPDATE event_records SET reason = 'unknown' WHERE stream = (SELECT id FROM streams WHERE topic = 'orders') AND \"offset\" = 0";
    world.client().await.batch_execute(skip).await.expect("a skip");
    let answer = world.ask(Method::POST, "/v1/events/orders-0-0/retry").await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let event = world.get("/v1/events/orders-0-0").await.json();
    assert_eq!((&event["entity_id"], event.get("outcome")), (&"a".into(), None), "{event}");
}
