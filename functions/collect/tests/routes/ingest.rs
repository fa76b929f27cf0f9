//! `POST /ingest`, in the form that cloud-lada's clients use.

use serde_json::json;

use crate::world::{CollectWorld, reading};

#[tokio::test]
async fn readings_are_in_kafka_before_the_answer() {
    let world = CollectWorld::new().await;
    let (a, b, c) = (reading(1), reading(2), reading(3));
    world.ingest(format!("{a}\n{b}\r\n\n{c}")).await.is(200, &json!({}));
    let stored = world.stored("readings");
    assert_eq!(stored.iter().map(|one| one.value.as_str()).collect::<Vec<_>>(), [&a, &b, &c]);
    assert!(
        stored.iter().all(|one| one.key.as_deref() == Some("speed") && one.headers.is_empty()),
        "{stored:?}"
    );
}

#[tokio::test]
async fn with_or_without_line_breaks() {
    let world = CollectWorld::new().await;
    let pretty = "{\n  \"sensor\": \"fuel\",\n  \"value\": 1e2,\n  \"timestamp\": \"2026-01-01T00:00:00Z\",\n  \"note\": \"} { \\\" [\"\n}";
    let body = [&reading(1), pretty, " ", &reading(2)].concat();
    world
        .post("/ingest", &[("content-type", "application/stream+json")], body)
        .await
        .is(200, &json!({}));
    assert_eq!(world.values("readings"), [&reading(1), pretty, &reading(2)]);
}

#[tokio::test]
async fn an_empty_body_holds_nothing_invalid() {
    let world = CollectWorld::new().await;
    for body in ["", "\n", " \r\n \n"] {
        world.ingest(body).await.is(200, &json!({}));
    }
    assert!(world.values("readings").is_empty());
}

#[tokio::test]
async fn the_content_type_says_what_it_is() {
    let world = CollectWorld::new().await;
    for good in [
        "application/x-ndjson",
        "application/stream+json",
        "Application/X-NDJSON; charset=utf-8",
        "application/x-ndjson ;a=\"b\"",
    ] {
        world.post("/ingest", &[("content-type", good)], reading(1)).await.is(200, &json!({}));
    }
    for bad in [
        "application/json",
        "text/plain",
        "application/x-ndjsonx",
        "x-ndjson",
        "",
        ";",
        "application/x-ndjson, application/json",
    ] {
        let answer = world.post("/ingest", &[("content-type", bad)], reading(1)).await;
        let problem = answer.is_problem(415, "UNSUPPORTED_MEDIA_TYPE");
        assert!(
            problem["hint"]
                .as_str()
                .unwrap_or_default()
                .contains("application/stream+json or application/x-ndjson"),
            "{problem}"
        );
    }
    world.post("/ingest", &[], reading(1)).await.is_problem(415, "UNSUPPORTED_MEDIA_TYPE");
    let twice =
        [("content-type", "application/x-ndjson"), ("content-type", "application/x-ndjson")];
    world.post("/ingest", &twice, reading(1)).await.is_problem(400, "INVALID_HEADER");
    assert_eq!(world.values("readings").len(), 4);
}

#[tokio::test]
async fn invalid_ones_are_listed_and_the_others_are_published() {
    let world = CollectWorld::new().await;
    let bad = [
        r#"{"sensor":"Speed","value":1,"timestamp":"2026-01-01T00:00:00Z"}"#,
        r#"{"sensor":"speed","value":"fast","timestamp":"2026-01-01T00:00:00Z","secret":"x"}"#,
        r#"{"sensor":"speed","value":1e999,"timestamp":"2026-01-01T00:00:00Z"}"#,
        r#"{"sensor":"speed","value":1,"timestamp":"0001-01-01T00:00:00Z"}"#,
        r#"{"value":1}"#,
        "{}",
    ];
    let lines = [reading(1), bad.join("\n"), reading(2)].join("\n");
    let answer = world.ingest(lines).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.headers["content-type"]),
        (400, &"application/json".parse().unwrap())
    );
    let body = answer.json();
    assert_eq!((&body["accepted"], &body["invalid_count"]), (&json!(2), &json!(6)));
    let invalid = body["invalid"].as_array().unwrap();
    assert_eq!(invalid.len(), 6);
    assert_eq!(
        invalid[0],
        json!({"sensor": "Speed", "value": 1, "timestamp": "2026-01-01T00:00:00Z", "line": 2, "number": 2, "reason": "sensor \"Speed\" does not match [a-z][a-z0-9_]{0,62}"})
    );
    assert_eq!(
        (&invalid[1]["value"], &invalid[1]["line"], invalid[1].get("secret")),
        (&json!("fast"), &json!(3), None)
    );
    assert_eq!((&invalid[4]["sensor"], &invalid[4]["value"]), (&json!(null), &json!(1)));
    assert!(
        invalid.iter().all(|one| one["reason"].as_str().is_some_and(|reason| !reason.is_empty()))
    );
    assert_eq!(world.values("readings"), [reading(1), reading(2)]);
}

#[tokio::test]
async fn a_hundred_are_listed_and_all_are_counted() {
    let world = CollectWorld::new().await;
    let body = world.ingest("{}\n".repeat(250) + &reading(1)).await.json();
    assert_eq!(
        (body["invalid"].as_array().map(Vec::len), &body["invalid_count"], &body["accepted"]),
        (Some(100), &json!(250), &json!(1))
    );
    assert_eq!(
        (&body["invalid"][99]["line"], body["invalid"][99].get("sensor")),
        (&json!(100), None)
    );
}

#[tokio::test]
async fn after_invalid_json_nothing_is_read() {
    let world = CollectWorld::new().await;
    for (broken, says) in [
        ("{\"sensor\":", "inside an object"),
        ("{\"sensor\" \"speed\"}", "expected `:`"),
        ("hello", "must begin with {"),
        ("[{}]", "must begin with {"),
        ("{\"sensor\":\"\u{1}\"}", "control character"),
    ] {
        let problem = world
            .ingest([reading(1), reading(2), broken.to_owned()].join("\n"))
            .await
            .is_problem(400, "MALFORMED_JSON");
        assert_eq!((&problem["line"], &problem["accepted"]), (&json!(3), &json!(2)), "{broken}");
        assert!(
            problem["detail"]
                .as_str()
                .is_some_and(|detail| detail.starts_with("line 3: ") && detail.contains(says)),
            "{problem}"
        );
    }
    let problem =
        world.ingest(["hello", &reading(1)].join("\n")).await.is_problem(400, "MALFORMED_JSON");
    assert_eq!((&problem["line"], &problem["accepted"]), (&json!(1), &json!(0)));
    assert_eq!(world.values("readings").len(), 10);
}

#[tokio::test]
async fn what_is_not_utf8_is_no_json() {
    let world = CollectWorld::new().await;
    let body = [reading(1).as_bytes(), b"{\"sensor\":\"\xff\"}"].concat();
    assert_eq!(world.ingest(body).await.is_problem(400, "MALFORMED_JSON")["accepted"], 1);
}

#[tokio::test]
async fn sent_again_it_is_answered_as_before() {
    let world = CollectWorld::new().await;
    for _ in 0..2 {
        world.ingest(reading(1)).await.is(200, &json!({}));
    }
    assert_eq!(world.values("readings"), [reading(1), reading(1)]);
}

#[tokio::test]
async fn other_methods_are_not_allowed() {
    let world = CollectWorld::new().await;
    for method in ["GET", "PUT", "DELETE"] {
        let answer = world.ask(method.parse().unwrap(), "/ingest", &[], "").await;
        answer.is_problem(405, "METHOD_NOT_ALLOWED");
        assert_eq!(answer.headers["allow"], "POST");
    }
}

#[tokio::test]
async fn what_is_too_long_for_this_place_may_go_elsewhere() {
    let answer = CollectWorld::new()
        .await
        .post("/ingest/upload?topic=orders&key=%2Fid", &[("host", "localhost:3000")], "")
        .await;
    answer.is(
        200,
        &json!({"method": "POST", "url": "http://localhost:3000/ingest/orders?key=%2Fid"}),
    );
    let world = CollectWorld::new().await;
    world.post("/ingest/upload?topic=nothing", &[], "").await.is_problem(404, "NOT_FOUND");
    for wrong in
        ["/ingest/upload", "/ingest/upload?topic=orders&x=1", "/ingest/upload?topic=orders&key=id"]
    {
        assert_eq!(world.post(wrong, &[], "").await.status, 400, "{wrong}");
    }
}
