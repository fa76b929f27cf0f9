//! Every request ends within its time limit, with or without free space in the queue. The answer is
//! 2xx, 413, or 503 with `Retry-After`.

use std::{future::ready, time::Duration};

use futures_util::FutureExt;
use rdkafka::types::RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE;
use serde_json::json;
use tokio::time::timeout;
use weir_collect::CollectLimits;
use weir_kafka::{Backpressure, Committed, TopicPartition};

use crate::world::{Answer, CollectWorld, Plan, reading};

/// The limit of unread bytes in a partition of the embedded broker, and the bytes that a record
/// needs in addition to its key and value.
const UNREAD_BYTES_MAX: usize = 4 * 1024 * 1024;
const FRAME_BYTES: usize = 200;
const JSON: (&str, &str) = ("content-type", "application/json");
const NDJSON: (&str, &str) = ("content-type", "application/x-ndjson");

/// Creates a world whose reader has read everything, or nothing. Its position is only queried when
/// the queue is full.
async fn world(read: bool, limits: CollectLimits) -> CollectWorld {
    let all = || {
        ["orders", "cdevents", "readings"].map(|topic| (TopicPartition::new(topic, 0), i64::MAX))
    };
    let read: Committed = if read { all().into() } else { Committed::new() };
    CollectWorld::of(Plan {
        backpressure: Some(Backpressure::new(move || ready(read.clone()).boxed())),
        properties: vec![("linger.ms", "0")],
        sources: "[hook]\ntopic = \"orders\"".to_owned(),
        limits,
        ..Plan::default()
    })
    .await
}

/// Returns an order of this length.
fn order(bytes: usize) -> String {
    let empty = r#"{"x":""}"#;
    format!(r#"{{"x":"{}"}}"#, "o".repeat(bytes - empty.len()))
}

/// Leaves this number of free bytes in the partition of the topic, which was read to its end.
async fn leave_room(world: &CollectWorld, topic: &str, bytes: usize) {
    let filling = UNREAD_BYTES_MAX - bytes - FRAME_BYTES;
    let half = order(filling / 2 - FRAME_BYTES / 2);
    let other = order(filling - FRAME_BYTES - half.len());
    world
        .post(&format!("/ingest/{topic}"), &[NDJSON], [half, other].join("\n"))
        .await
        .is(200, &json!({"accepted": 2}));
}

/// Posts an order of this length to a route.
async fn posted(world: &CollectWorld, route: &str, bytes: usize) -> Answer {
    let cloud =
        [("ce-specversion", "1.0"), ("ce-id", "1"), ("ce-source", "/s"), ("ce-type", "t"), JSON];
    let asked = async {
        match route {
            "ingest" => world.post("/ingest/orders", &[NDJSON], order(bytes)).await,
            "events" => world.post("/events/orders", &cloud, order(bytes)).await,
            _ => world.post("/webhook/hook", &[JSON], order(bytes)).await,
        }
    };
    timeout(Duration::from_secs(20), asked)
        .await
        .unwrap_or_else(|_| panic!("{route}: {bytes} bytes are never answered"))
}

#[tokio::test]
async fn near_the_bound_every_size_goes_through_on_every_route() {
    let world = world(true, CollectLimits::default()).await;
    // Between space for the value alone and space for the whole record.
    for route in ["ingest", "events", "webhook"] {
        for less in [0, 1, 100, FRAME_BYTES - 1, FRAME_BYTES, FRAME_BYTES + 1, 280] {
            leave_room(&world, "orders", 1_000).await;
            let answer = posted(&world, route, 1_000 - less).await;
            assert!(
                answer.status.is_success(),
                "{route}, {less} bytes less than there is room: {}",
                answer.text()
            );
        }
    }
}

#[tokio::test]
async fn thousands_of_events_one_by_one_are_all_answered() {
    let world = world(true, CollectLimits::default()).await;
    for n in 0..3_000 {
        let note = "n".repeat(5_000 + n);
        let event = json!({"context": {"specversion": "0.5.1", "id": n.to_string(), "source": "/ci", "type": "dev.cdevents.build.queued.0.3.0",
            "timestamp": "2026-01-01T00:00:00Z"}, "subject": {"id": "b", "content": {}}, "customData": note, "customDataContentType": "text/plain"});
        let answer =
            timeout(Duration::from_secs(20), world.post("/cdevents", &[JSON], event.to_string()))
                .await;
        assert_eq!(answer.unwrap_or_else(|_| panic!("event {n} is never answered")).status, 201);
    }
}

#[tokio::test]
async fn what_nobody_reads_is_503_in_time_and_holds_up_no_other_topic() {
    let world =
        world(false, CollectLimits { collect_kafka_timeout: 1, ..CollectLimits::default() }).await;
    leave_room(&world, "orders", 1_000).await;
    for route in ["ingest", "events", "webhook"] {
        for bytes in [1_000, 999, 801, 100_000] {
            let answer = posted(&world, route, bytes).await;
            answer.is_problem(503, "KAFKA_UNAVAILABLE");
            assert!(answer.headers.contains_key("retry-after"));
        }
    }
    world.ingest(reading(1)).await.is(200, &json!({}));
}

#[tokio::test]
async fn around_the_longest_value_each_byte_more_is_413_or_refused() {
    const VALUE_BYTES_MAX: usize = 4 * 1024 * 1024;
    let world = world(true, CollectLimits::default()).await;
    for bytes in VALUE_BYTES_MAX - 1..=VALUE_BYTES_MAX + 1 {
        let is_short = bytes <= VALUE_BYTES_MAX;
        for (route, good, long) in
            [("ingest", 200, 400), ("events", 202, 413), ("webhook", 202, 413)]
        {
            let answer = posted(&world, route, bytes).await;
            assert_eq!(answer.status, if is_short { good } else { long }, "{route}: {bytes}");
        }
    }
}

/// librdkafka sends many short values in one batch. A topic with a smaller limit refuses the whole
/// batch.
#[tokio::test]
async fn a_batch_that_kafka_refuses_as_too_large_is_not_a_success() {
    let errors = vec![RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE; 20];
    let world = CollectWorld::of(Plan { errors, ..Plan::default() }).await;
    let body = [reading(1), reading(2)].join("\n");
    let problem = world.ingest(body).await.is_problem(413, "RECORD_TOO_LARGE");
    assert_eq!(problem["accepted"], 0);
}
