//! `POST /cdevents`.

use serde_json::{Value, json};
use weir_collect::CollectLimits;

use crate::world::{CollectWorld, Plan};

/// The 45 examples of the specification.
const EXAMPLES: &str = include_str!("../../../../shared/model/tests/data/cdevents-0.5.1.ndjson");
const JSON: (&str, &str) = ("content-type", "application/json");
const STRUCTURED: (&str, &str) = ("content-type", "application/cloudevents+json; charset=UTF-8");
const BATCH: (&str, &str) = ("content-type", "application/cloudevents-batch+json");

fn deployed(service: &str) -> Value {
    json!({"context": {"specversion": "0.5.1", "id": "1", "source": "/ci", "type": "dev.cdevents.service.deployed.0.3.0",
            "timestamp": "2026-01-02T03:04:05Z"},
        "subject": {"id": service, "content": {"environment": {"id": "production"}, "artifactId": "pkg:oci/shop@sha256%3A0b31"}}})
}

fn wrapped(data: &Value) -> Value {
    json!({"specversion": "1.0", "id": "ce-1", "source": "/ci", "type": "dev.cdevents.service.deployed.0.3.0", "data": data})
}

fn keys(world: &CollectWorld) -> Vec<String> {
    world.stored("cdevents").into_iter().map(|one| one.key.unwrap_or_default()).collect()
}

#[tokio::test]
async fn one_or_many_plain_or_as_cloud_events() {
    let world = CollectWorld::new().await;
    let plain = deployed("plain").to_string();
    world.post("/cdevents", &[JSON], plain.clone()).await.is(201, &json!({"accepted": 1}));
    assert_eq!(world.values("cdevents"), [plain], "it is kept as it came");
    world
        .post("/cdevents", &[JSON], json!([deployed("a"), deployed("b")]).to_string())
        .await
        .is(201, &json!({"accepted": 2}));
    world
        .post("/cdevents", &[STRUCTURED], wrapped(&deployed("structured")).to_string())
        .await
        .is(201, &json!({"accepted": 1}));
    let batch = json!([wrapped(&deployed("c")), wrapped(&deployed("d"))]);
    world.post("/cdevents", &[BATCH], batch.to_string()).await.is(201, &json!({"accepted": 2}));
    let binary = [
        JSON,
        ("ce-specversion", "1.0"),
        ("ce-id", "1"),
        ("ce-source", "/ci"),
        ("ce-type", "dev.cdevents.service.deployed.0.3.0"),
    ];
    world
        .post("/cdevents", &binary, deployed("binary").to_string())
        .await
        .is(201, &json!({"accepted": 1}));
    world.post("/cdevents", &[JSON], "[]").await.is(201, &json!({"accepted": 0}));
    assert_eq!(keys(&world), ["plain", "a", "b", "structured", "c", "d", "binary"]);
    assert!(
        world
            .stored("cdevents")
            .iter()
            .all(|one| one.headers.is_empty() && one.timestamp_ms > Some(1_700_000_000_000))
    );
}

#[tokio::test]
async fn the_specifications_examples_are_taken() {
    let world = CollectWorld::new().await;
    let all = format!("[{}]", EXAMPLES.lines().collect::<Vec<_>>().join(",\n"));
    world.post("/cdevents", &[JSON], all).await.is(201, &json!({"accepted": 45}));
    assert_eq!(world.values("cdevents"), EXAMPLES.lines().collect::<Vec<_>>());
}

#[tokio::test]
async fn what_is_not_as_its_schema_says_is_taken_and_named() {
    let world = CollectWorld::new().await;
    let mut odd = deployed("odd");
    odd["context"]["specversion"] = json!("9.9");
    let answer = world.post("/cdevents", &[JSON], json!([deployed("good"), odd]).to_string()).await;
    answer.is(201, &json!({"accepted": 2, "problems": [{"number": 2, "problem": "context.specversion \"9.9\" is unknown"}]}));
    let all: Vec<_> = std::iter::repeat_n(&odd, 150).collect();
    let body = world.post("/cdevents", &[JSON], json!(all).to_string()).await.json();
    assert_eq!(
        (&body["accepted"], body["problems"].as_array().map(Vec::len)),
        (&json!(150), Some(100))
    );
    assert_eq!(world.values("cdevents").len(), 152);
}

#[tokio::test]
async fn a_body_with_an_invalid_cdevent_is_refused_as_a_whole() {
    let world = CollectWorld::new().await;
    let mut nameless = deployed("x");
    nameless["subject"] = json!({"content": {}});
    let other = deployed("x").to_string().replace("dev.cdevents", "com.example");
    for (body, finding) in [
        (String::new(), "EOF while parsing"),
        ("{".to_owned(), "EOF while parsing"),
        ("[".to_owned(), "the body is not JSON"),
        ("7".to_owned(), "a CDEvent must be an object"),
        ("{}".to_owned(), "context is missing"),
        (nameless.to_string(), "subject.id is missing"),
        (other, "is not dev.cdevents.<subject>.<predicate>"),
        (
            json!([deployed("good"), {}]).to_string(),
            "event 2 of the array: not a CDEvent: context is missing",
        ),
        (
            json!([[deployed("nested")]]).to_string(),
            "event 1 of the array: a CDEvent must be an object",
        ),
        (json!(vec![json!({}); 10_001]).to_string(), "10000 are allowed"),
    ] {
        let problem =
            world.post("/cdevents", &[JSON], body.clone()).await.is_problem(400, "INVALID_EVENT");
        assert!(
            problem["detail"].as_str().is_some_and(|detail| detail.contains(finding)),
            "{}: {problem}",
            weir_model::excerpt(&body)
        );
    }
    world.post("/cdevents", &[JSON], vec![b'"', 0xff, b'"']).await.is_problem(400, "INVALID_EVENT");
    assert!(world.values("cdevents").is_empty());
}

#[tokio::test]
async fn bodies_are_bounded_and_of_a_known_type() {
    let limits = CollectLimits { collect_idle_timeout: 1, ..CollectLimits::default() };
    let world = CollectWorld::of(Plan { limits, ..Plan::default() }).await;
    let event = deployed("x").to_string();
    for headers in [&[][..], &[("content-type", "text/plain")], &[JSON, ("content-encoding", "br")]]
    {
        assert_eq!(
            world.post("/cdevents", headers, event.clone()).await.status,
            415,
            "{headers:?}"
        );
    }
    world
        .post("/cdevents", &[JSON], " ".repeat(4 * 1024 * 1024 + 1))
        .await
        .is_problem(413, "BODY_TOO_LARGE");
    let silent = axum::body::Body::from_stream(futures_util::stream::pending::<
        Result<axum::body::Bytes, std::io::Error>,
    >());
    world.post("/cdevents", &[JSON], silent).await.is_problem(408, "REQUEST_TIMEOUT");
    assert_eq!(world.ask(axum::http::Method::GET, "/cdevents", &[], "").await.status, 405);
    assert!(world.values("cdevents").is_empty());
}

#[tokio::test]
async fn the_topic_is_the_one_that_is_bound_to_the_model() {
    let event = deployed("x").to_string();
    for (topics, stored) in [("orders=cdevents", "orders"), ("+orders=cdevents", "cdevents")] {
        let world = CollectWorld::of(Plan { topics, ..Plan::default() }).await;
        world.post("/cdevents", &[JSON], event.clone()).await.is(201, &json!({"accepted": 1}));
        assert_eq!(world.values(stored), std::slice::from_ref(&event), "{topics}");
    }
    let world = CollectWorld::of(Plan { topics: "orders=events", ..Plan::default() }).await;
    world.post("/cdevents", &[JSON], event.clone()).await.is_problem(404, "NOT_FOUND");
    let world = CollectWorld::of(Plan { encoded: Some("cdevents"), ..Plan::default() }).await;
    world.post("/cdevents", &[JSON], event).await.is_problem(422, "NOT_JSON");
}
