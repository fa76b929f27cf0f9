//! `POST /ingest/{topic}`.

use serde_json::json;

use crate::world::{CollectWorld, reading};

const NDJSON: (&str, &str) = ("content-type", "application/x-ndjson");

#[tokio::test]
async fn the_key_is_what_the_model_says_or_what_the_pointer_finds() {
    let world = CollectWorld::new().await;
    let lines = "{\"id\":\"o-1\",\"customer\":{\"id\":7}}\n{\"id\":\"o-2\"}\n7\n";
    world.post("/ingest/orders", &[NDJSON], lines).await.is(200, &json!({"accepted": 3}));
    let keys = |world: &CollectWorld| {
        world.stored("orders").into_iter().map(|one| one.key).collect::<Vec<_>>()
    };
    assert_eq!(keys(&world), [Some("o-1".into()), Some("o-2".into()), None]);
    let answer = world.post("/ingest/orders?key=/customer/id", &[NDJSON], lines).await;
    assert_eq!(answer.status, 400);
    let body = answer.json();
    assert_eq!((&body["accepted"], &body["invalid_count"]), (&json!(1), &json!(2)));
    assert_eq!(
        body["invalid"][0],
        json!({"line": 2, "number": 2, "reason": "the value has no text or number at /customer/id for the key"})
    );
    assert_eq!(keys(&world)[3..], [Some("7".into())]);
}

#[tokio::test]
async fn an_invalid_line_does_not_affect_the_others() {
    let world = CollectWorld::new().await;
    let body = world
        .post(
            "/ingest/readings",
            &[NDJSON],
            [&reading(1), "{\"sensor\":", "", "{}", &reading(2)].join("\n"),
        )
        .await
        .json();
    assert_eq!(body["accepted"], 2);
    let lines: Vec<_> =
        body["invalid"].as_array().unwrap().iter().map(|one| one["line"].clone()).collect();
    assert_eq!(lines, [2, 4]);
    assert_eq!(world.values("readings"), [reading(1), reading(2)]);
}

#[tokio::test]
async fn a_build_is_checked_as_ingest_does_and_has_its_id_as_key() {
    let world = CollectWorld::new().await;
    let samples = weir_model::models::builtin()
        .get("builds")
        .unwrap()
        .samples(weir_model::Micros(1_767_323_045_678_000));
    let lines: Vec<String> = samples.into_iter().map(|sample| sample.value).collect();
    world
        .post("/ingest/build_events", &[NDJSON], lines.join("\n"))
        .await
        .is(200, &json!({"accepted": lines.len()}));
    assert!(
        world
            .stored("build_events")
            .iter()
            .all(|one| one.key.as_ref().is_some_and(|key| key.starts_with("5a3b9c00-")))
    );
    let answer =
        world.post("/ingest/build_events", &[NDJSON], "{\"data\":{\"build\":{\"id\":1}}}").await;
    assert_eq!((answer.status.as_u16(), &answer.json()["accepted"]), (400, &json!(0)));
}

#[tokio::test]
async fn what_cannot_be_is_refused() {
    let world = CollectWorld::new().await;
    world.post("/ingest/nothing", &[NDJSON], "{}").await.is_problem(404, "NOT_FOUND");
    world.post("/ingest/orders", &[], "{}").await.is_problem(415, "UNSUPPORTED_MEDIA_TYPE");
    world.post("/ingest/orders?key=id", &[NDJSON], "{}").await.is_problem(400, "INVALID_PARAMETER");
    assert_eq!(world.post("/ingest/orders?kye=/id", &[NDJSON], "{}").await.status, 400);
    assert_eq!(world.post("/ingest/%ff", &[NDJSON], "{}").await.status, 400);
    assert!(world.values("orders").is_empty());
}
