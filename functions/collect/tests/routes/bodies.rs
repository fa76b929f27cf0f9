//! Bodies of any length and kind.

use std::{convert::Infallible, io::Write};

use axum::body::{Body, Bytes};
use flate2::{Compression, write::GzEncoder};
use futures_util::{StreamExt, stream};
use serde_json::json;
use weir_collect::CollectLimits;

use crate::world::{CollectWorld, Plan, reading};

const NDJSON: (&str, &str) = ("content-type", "application/x-ndjson");
const GZIP: (&str, &str) = ("content-encoding", "gzip");

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text).expect("it works");
    encoder.finish().expect("it works")
}

/// Returns a body that comes in pieces of this length.
fn pieces(text: String, length: usize) -> Body {
    let bytes = Bytes::from(text);
    let count = bytes.len().div_ceil(length);
    Body::from_stream(stream::iter(0..count).map(move |n| {
        Ok::<_, Infallible>(bytes.slice(n * length..bytes.len().min((n + 1) * length)))
    }))
}

#[tokio::test]
async fn it_does_not_matter_where_it_is_cut_into_pieces() {
    let world = CollectWorld::new().await;
    let body: String = (0..50).map(|n| reading(n) + "\n").collect();
    for length in [1, 7, 64, 1000] {
        world.ingest(pieces(body.clone(), length)).await.is(200, &json!({}));
    }
    assert_eq!(world.values("readings").len(), 200);
}

#[tokio::test]
async fn a_line_of_10_mb_is_refused_and_its_neighbours_are_not() {
    let world = CollectWorld::new().await;
    let long = format!(r#"{{"sensor":"speed","note":"{}"}}"#, "x".repeat(10_000_000));
    let number = format!(
        r#"{{"sensor":"speed","value":{},"timestamp":"2026-01-01T00:00:00Z"}}"#,
        "7".repeat(10_000_000)
    );
    let body = [reading(1), long, reading(2), number, reading(3)].join("\n");
    for path in ["/ingest", "/ingest/readings"] {
        let answer = world.post(path, &[NDJSON], pieces(body.clone(), 60_000)).await;
        assert_eq!(answer.status, 400);
        let body = answer.json();
        assert_eq!((&body["accepted"], &body["invalid_count"]), (&json!(3), &json!(2)), "{body}");
        let lines: Vec<_> =
            body["invalid"].as_array().unwrap().iter().map(|one| one["line"].clone()).collect();
        assert_eq!(lines, [2, 4]);
        assert_eq!(body["invalid"][1]["reason"], "the value is longer than 4194304 bytes");
    }
    assert_eq!(world.values("readings").len(), 6);
}

#[tokio::test]
async fn a_number_of_a_million_digits_is_not_finite_and_not_quoted() {
    let world = CollectWorld::new().await;
    let number = format!(
        r#"{{"sensor":"speed","value":{},"timestamp":"2026-01-01T00:00:00Z"}}"#,
        "7".repeat(1_000_000)
    );
    let answer = world.ingest([number, reading(1)].join("\n")).await;
    assert_eq!(answer.status, 400);
    assert!(answer.body.len() < 1000, "{}", answer.body.len());
    assert_eq!(answer.json()["accepted"], 1);
}

#[tokio::test]
async fn a_record_that_kafka_refuses_is_named_and_its_neighbours_are_there() {
    // The producer's limit simulates the broker's limit.
    let world = CollectWorld::of(Plan {
        properties: vec![("message.max.bytes", "500000")],
        ..Plan::default()
    })
    .await;
    let long = format!(
        r#"{{"sensor":"speed","value":1,"timestamp":"2026-01-01T00:00:00Z","note":"{}"}}"#,
        "x".repeat(600_000)
    );
    let body = world.ingest([reading(1), long, reading(2)].join("\n")).await.json();
    assert_eq!((&body["accepted"], &body["invalid"][0]["line"]), (&json!(2), &json!(2)), "{body}");
    assert!(
        body["invalid"][0]["reason"]
            .as_str()
            .is_some_and(|reason| reason.contains("max.message.bytes")),
        "{body}"
    );
}

#[tokio::test]
async fn gzip_is_unfolded() {
    let world = CollectWorld::new().await;
    let body: String = (0..100).map(|n| reading(n) + "\n").collect();
    world.post("/ingest", &[NDJSON, GZIP], gzip(body.as_bytes())).await.is(200, &json!({}));
    world
        .post(
            "/ingest/readings",
            &[NDJSON, ("content-encoding", "GZIP")],
            gzip(reading(1).as_bytes()),
        )
        .await
        .is(200, &json!({"accepted": 1}));
    world
        .post("/ingest", &[NDJSON, ("content-encoding", "identity")], reading(1))
        .await
        .is(200, &json!({}));
    assert_eq!(world.values("readings").len(), 102);
    for coding in ["br", "deflate", "gzip, gzip"] {
        let answer =
            world.post("/ingest", &[NDJSON, ("content-encoding", coding)], reading(1)).await;
        answer.is_problem(415, "UNSUPPORTED_CONTENT_ENCODING");
        assert_eq!(answer.headers["accept-encoding"], "gzip, identity");
    }
}

#[tokio::test]
async fn a_bad_or_short_body_reports_the_accepted_values() {
    let world = CollectWorld::new().await;
    world.post("/ingest", &[NDJSON, GZIP], reading(1)).await.is_problem(400, "NOT_GZIP");
    let body: String = (0..10_000).map(|n| reading(n) + "\n").collect();
    let folded = gzip(body.as_bytes());
    let problem = world
        .post("/ingest", &[NDJSON, GZIP], folded[..folded.len() / 2].to_vec())
        .await
        .is_problem(400, "NOT_GZIP");
    let accepted = problem["accepted"].as_u64().unwrap();
    assert!((1..10_000).contains(&accepted), "{problem}");
    assert_eq!(world.values("readings").len() as u64, accepted);
}

#[tokio::test]
async fn a_gzip_bomb_does_not_go_off() {
    let world = CollectWorld::new().await;
    // A hundred megabytes of spaces, and a line of a hundred megabytes.
    for filling in [b" ", b"x"] {
        let bomb = gzip(&[reading(1).as_bytes(), b"\n", &filling.repeat(100_000_000)].concat());
        assert!(bomb.len() < 1_000_000);
        for path in ["/ingest", "/ingest/readings"] {
            let answer = world.post(path, &[NDJSON, GZIP], bomb.clone()).await;
            assert!(matches!(answer.status.as_u16(), 400 | 413), "{}", answer.text());
            assert_eq!(answer.json()["accepted"], 1);
        }
    }
}

#[tokio::test]
async fn a_body_longer_than_the_place_takes_is_told_where_to_go() {
    let limits = CollectLimits { body_bytes_max: Some(1000), ..CollectLimits::default() };
    let world = CollectWorld::of(Plan { limits, ..Plan::default() }).await;
    let body: String = (0..100).map(|n| reading(n) + "\n").collect();
    let length = body.len().to_string();
    let told = world
        .post("/ingest", &[NDJSON, ("content-length", &length)], body.clone())
        .await
        .is_problem(413, "BODY_TOO_LARGE");
    assert!(
        told["hint"].as_str().is_some_and(|hint| hint.contains("POST /ingest/upload?topic=TOPIC")),
        "{told}"
    );
    assert!(world.values("readings").is_empty(), "its length was known before");
    let told = world.ingest(pieces(body, 100)).await.is_problem(413, "BODY_TOO_LARGE");
    assert_eq!(told["accepted"], world.values("readings").len());
    world.ingest(reading(1)).await.is(200, &json!({}));
}

#[tokio::test]
async fn who_is_silent_for_too_long_is_told_what_was_accepted() {
    let limits = CollectLimits { collect_idle_timeout: 1, ..CollectLimits::default() };
    let world = CollectWorld::of(Plan { limits, ..Plan::default() }).await;
    let first = stream::iter([Ok::<_, Infallible>(reading(1) + "\n" + &reading(2)[..20])]);
    let problem = world
        .ingest(Body::from_stream(first.chain(stream::pending())))
        .await
        .is_problem(408, "REQUEST_TIMEOUT");
    assert_eq!(problem["accepted"], 1);
}

#[tokio::test]
async fn a_connection_that_ends_leaves_what_was_whole() {
    let world = CollectWorld::new().await;
    let cut = stream::iter([
        Ok(reading(1) + "\n" + &reading(2)[..20]),
        Err(std::io::Error::other("reset")),
    ]);
    let problem = world.ingest(Body::from_stream(cut)).await.is_problem(400, "BODY_CUT_OFF");
    assert_eq!(problem["accepted"], 1);
    assert_eq!(world.values("readings"), [reading(1)]);
}

#[tokio::test]
async fn one_body_too_many_is_told_to_come_again() {
    let limits = CollectLimits { collect_streams: 1, ..CollectLimits::default() };
    let world = CollectWorld::of(Plan { limits, ..Plan::default() }).await;
    let (send, receive) = tokio::sync::oneshot::channel::<()>();
    let slow = stream::once(async move {
        let _ = receive.await;
        Ok::<_, Infallible>(reading(1))
    });
    let first = world.ingest(Body::from_stream(slow));
    let second = async {
        // The first request must have its slot.
        tokio::task::yield_now().await;
        let answer = world.ingest(reading(2)).await;
        let _ = send.send(());
        answer
    };
    let (first, second) = tokio::join!(first, second);
    first.is(200, &json!({}));
    second.is_problem(503, "BUSY");
    assert!(second.headers.contains_key("retry-after"));
    world.ingest(reading(3)).await.is(200, &json!({}));
}
