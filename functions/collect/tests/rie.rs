//! The function under AWS's Runtime Interface Emulator of aws-sam-cli. `tests/external/rie/run`
//! starts these tests.

#[path = "routes/broker.rs"]
mod broker;

use serde_json::json;
use weir_testkit::{Emulator, sample_event};

const SOURCES: &str = "[tasks]\ntopic = \"orders\"\neventbridge = { source = \"aws.ecs\" }\n";

#[tokio::test]
#[ignore = "needs AWS's emulator: bash tests/external/rie/run"]
async fn a_request_goes_through_awss_own_emulator() -> anyhow::Result<()> {
    let broker = broker::Broker::start();
    let emulator = Emulator::start(
        env!("CARGO_BIN_EXE_collect"),
        &[
            ("KAFKA_URL", &broker.address),
            ("AUTH", "iam"),
            ("TOPICS", "+orders=events"),
            ("SOURCES", SOURCES),
        ],
    )
    .await?;
    let reading = r#"{"sensor":"speed","value":1,"timestamp":"2026-01-01T00:00:00Z"}"#;
    let context = json!({"stage": "prod", "path": "/prod/ingest", "httpMethod": "POST"});
    let request = json!({"path": "/ingest", "httpMethod": "POST", "headers": {"Content-Type": "application/x-ndjson"}, "requestContext": context, "body": reading});
    let answer = emulator.invoke(request.to_string().as_bytes()).await?;
    assert_eq!((&answer["statusCode"], &answer["body"]), (&200.into(), &"{}".into()), "{answer}");
    assert_eq!(broker.values("readings"), [reading]);
    let answer = emulator.invoke(&sample_event("collect-http")?).await?;
    assert_eq!(answer["statusCode"], 200, "{answer}");
    assert_eq!(broker.values("readings").len(), 3);
    assert_eq!(emulator.invoke(&sample_event("collect-eventbridge")?).await?, json!(null));
    assert_eq!(broker.values("orders").len(), 1);
    Ok(())
}
