//! Kafka is away.

use serde_json::json;

use crate::world::{Plan, World, reading};

#[tokio::test]
async fn it_is_said_with_how_much_was_accepted() {
    let nowhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let world = World::of(Plan {
        address: Some(nowhere),
        properties: vec![("message.timeout.ms", "1000")],
        sources: "[hook]\ntopic = \"orders\"".to_owned(),
        ..Plan::default()
    })
    .await;
    let answer = world.ingest((0..1000).map(|n| reading(n) + "\n").collect::<String>()).await;
    let problem = answer.is_problem(503, "KAFKA_UNAVAILABLE");
    assert_eq!(problem["accepted"], 0);
    assert!(answer.headers.contains_key("retry-after"));
    world.post("/webhook/hook", &[], json!({"id": 1}).to_string()).await.is_problem(503, "KAFKA_UNAVAILABLE");
}
