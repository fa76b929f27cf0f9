//! An outage of Kafka.

use serde_json::json;

use crate::world::{CollectWorld, Plan, reading};

#[tokio::test]
async fn it_is_said_with_how_much_was_accepted() {
    let world = CollectWorld::of(Plan {
        address: Some("127.0.0.1:1".to_owned()),
        properties: vec![("message.timeout.ms", "1000")],
        sources: "[hook]\ntopic = \"orders\"".to_owned(),
        ..Plan::default()
    })
    .await;
    let answer = world.ingest((0..1000).map(|n| reading(n) + "\n").collect::<String>()).await;
    let problem = answer.is_problem(503, "KAFKA_UNAVAILABLE");
    assert_eq!(problem["accepted"], 0);
    assert!(answer.headers.contains_key("retry-after"));
    let event = r#"{"context":{"type":"dev.cdevents.build.queued.0.3.0"},"subject":{"id":"b"}}"#;
    let answer = world.post("/cdevents", &[("content-type", "application/json")], event).await;
    assert_eq!(answer.is_problem(503, "KAFKA_UNAVAILABLE")["accepted"], 0);
    assert!(answer.headers.contains_key("retry-after"));
    world
        .post("/webhook/hook", &[], json!({"id": 1}).to_string())
        .await
        .is_problem(503, "KAFKA_UNAVAILABLE");

    // The log names the broker, and the answer does not.
    let log = weir_testkit::logged(async {
        let answer = world.ingest(reading(0)).await;
        assert!(!answer.text().contains("127.0.0.1"), "{}", answer.text());
    });
    let log = log.await;
    let line = log.iter().map(|line| &line["fields"]).find(|line| !line["reason"].is_null());
    let line = line.unwrap_or_else(|| panic!("{log:?}"));
    assert_eq!(line["brokers"], "127.0.0.1:1", "{line}");
}
