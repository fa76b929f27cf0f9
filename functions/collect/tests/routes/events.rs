//! `POST /events/{topic}`.

use serde_json::json;

use crate::world::CollectWorld;

const BINARY: [(&str, &str); 6] = [
    ("content-type", "application/json"),
    ("ce-specversion", "1.0"),
    ("ce-id", "e-1"),
    ("ce-source", "/boats/1"),
    ("ce-type", "sail.set"),
    ("ce-time", "2026-01-02T03:04:05Z"),
];

#[tokio::test]
async fn binary_mode_becomes_kafkas_binary_mode() {
    let world = CollectWorld::new().await;
    world.post("/events/orders", &BINARY, r#"{"id":"o-1"}"#).await.is(202, &json!({"accepted": 1}));
    let stored = world.stored("orders");
    assert_eq!(
        (stored[0].key.as_deref(), stored[0].value.as_str()),
        (Some("o-1"), r#"{"id":"o-1"}"#)
    );
    let expected = [
        ("ce_id", "e-1"),
        ("ce_source", "/boats/1"),
        ("ce_specversion", "1.0"),
        ("ce_time", "2026-01-02T03:04:05Z"),
        ("ce_type", "sail.set"),
        ("content-type", "application/json"),
    ];
    assert_eq!(
        stored[0].headers,
        expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
    );
}

#[tokio::test]
async fn structured_and_batched_modes() {
    let world = CollectWorld::new().await;
    let event = |id: &str, key: &str| json!({"specversion": "1.0", "id": id, "source": "/b", "type": "t", "partitionkey": key, "data": {"n": 1}});
    let structured = [("content-type", "application/cloudevents+json; charset=UTF-8")];
    world
        .post("/events/orders", &structured, event("1", "a").to_string())
        .await
        .is(202, &json!({"accepted": 1}));
    let batch = [("content-type", "application/cloudevents-batch+json")];
    let body = json!([event("2", "b"), event("3", "c")]).to_string();
    world.post("/events/orders", &batch, body).await.is(202, &json!({"accepted": 2}));
    world.post("/events/orders", &batch, "[]").await.is(202, &json!({"accepted": 0}));
    let stored = world.stored("orders");
    assert_eq!(
        stored.iter().map(|one| one.headers["ce_id"].as_str()).collect::<Vec<_>>(),
        ["1", "2", "3"]
    );
    assert_eq!(
        stored.iter().map(|one| one.key.as_deref()).collect::<Vec<_>>(),
        [Some("a"), Some("b"), Some("c")]
    );
    assert!(stored.iter().all(|one| one.value == r#"{"n":1}"#));
}

#[tokio::test]
async fn of_a_batch_the_valid_ones_are_published() {
    let world = CollectWorld::new().await;
    let batch = [("content-type", "application/cloudevents-batch+json")];
    let good = json!({"specversion": "1.0", "id": "1", "source": "/b", "type": "t", "data": 1});
    let answer =
        world.post("/events/orders", &batch, json!([good, {"id": "2"}, 7]).to_string()).await;
    assert_eq!(answer.status, 400);
    let body = answer.json();
    assert_eq!(
        (&body["accepted"], &body["invalid_count"], &body["invalid"][0]["number"]),
        (&json!(1), &json!(2), &json!(2)),
        "{body}"
    );
    assert_eq!(world.values("orders"), ["1"]);
}

#[tokio::test]
async fn an_invalid_event_is_refused() {
    let world = CollectWorld::new().await;
    world.post("/events/nothing", &BINARY, "{}").await.is_problem(404, "NOT_FOUND");
    world
        .post("/events/orders", &[("content-type", "application/json")], "{}")
        .await
        .is_problem(415, "UNSUPPORTED_MEDIA_TYPE");
    world
        .post("/events/orders", &[("content-type", "application/cloudevents-batch+json")], "{")
        .await
        .is_problem(400, "MALFORMED_JSON");
    for body in ["", "{", "\u{1}"] {
        let answer = world.post("/events/orders", &BINARY, body).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.json()["accepted"]),
            (400, &json!(0)),
            "{body}"
        );
    }
    let long = format!("{{\"a\":\"{}\"}}", "x".repeat(4 * 1024 * 1024));
    world.post("/events/orders", &BINARY, long).await.is_problem(413, "BODY_TOO_LARGE");
    // The topic's model checks the value too.
    assert_eq!(world.post("/events/readings", &BINARY, "{}").await.status, 400);
    assert!(world.values("orders").is_empty() && world.values("readings").is_empty());
}
