//! Tests the function with AWS's Runtime Interface Emulator, as it ships in aws-sam-cli. Started by
//! `tests/external/rie/run`.

use rdkafka::mocking::MockCluster;
use serde_json::Value;
use weir_testkit::{Database, Emulator, sample_event};

#[tokio::test]
#[ignore = "needs AWS's emulator: bash tests/external/rie/run"]
async fn a_deployment_goes_through_awss_own_emulator() -> anyhow::Result<()> {
    let database = Database::empty().await?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/answer", listener.local_addr()?);
    let app = axum::Router::new().route("/answer", axum::routing::put(async || ()));
    tokio::spawn(async move { axum::serve(listener, app).await });
    let kafka = MockCluster::new(1)?;
    for topic in ["build_events", "readings", "cdevents"] {
        kafka.create_topic(topic, 1, 1)?;
    }
    let kafka_url = kafka.bootstrap_servers();
    let emulator = Emulator::start(
        env!("CARGO_BIN_EXE_migrate"),
        &[("DATABASE_URL", &database.url()), ("KAFKA_URL", &kafka_url)],
    )
    .await?;
    let ask = async |name: &str| {
        let mut event: Value = serde_json::from_slice(&sample_event(name)?)?;
        event["ResponseURL"] = url.clone().into();
        emulator.invoke(event.to_string().as_bytes()).await
    };
    for _ in 0..2 {
        for name in ["migrate-create", "migrate-update", "migrate-delete"] {
            let answer = ask(name).await?;
            assert_eq!(answer["Status"], "SUCCESS", "{name}: {answer}");
        }
    }
    database.client().await?.batch_execute("DROP TABLE schema_history").await?;
    let answer = ask("migrate-update").await?;
    assert_eq!(answer["Status"], "FAILED", "{answer}");
    Ok(())
}
