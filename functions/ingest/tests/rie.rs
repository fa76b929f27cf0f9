//! Tests the function with AWS's Runtime Interface Emulator, as it ships in aws-sam-cli. Started by
//! `tests/external/rie/run`.

use std::time::{Duration, Instant};

use axum::{Router, body::Bytes, routing::post};
use serde_json::json;
use tokio::{net::TcpListener, sync::mpsc, time::timeout};
use weir_testkit::{Database, Emulator, sample_event};

async fn database() -> anyhow::Result<Database> {
    Database::create("rie", async |url: String| {
        let store = weir_store::Store::new(&weir_store::DatabaseConfig::from_url(url))?;
        weir_store::migrate::run(&store, &weir_model::models::builtin(), &Vec::new()).await?;
        Ok(())
    })
    .await
}

#[tokio::test]
#[ignore = "needs AWS's emulator: bash tests/external/rie/run"]
async fn a_batch_goes_through_awss_own_emulator() -> anyhow::Result<()> {
    let database = database().await?;
    let emulator =
        Emulator::start(env!("CARGO_BIN_EXE_ingest"), &[("DATABASE_URL", &database.url())]).await?;
    // A first delivery, the same delivery again, and a delivery with a bad record.
    for name in ["msk", "msk", "msk-poison"] {
        assert_eq!(
            emulator.invoke(&sample_event(name)?).await?,
            json!({"batchItemFailures": []}),
            "{name}"
        );
    }
    let wrong = emulator.invoke(b"{}").await?.to_string();
    assert!(wrong.contains("not the event of a Kafka event source mapping"), "{wrong}");
    let client = database.client().await?;
    for (rows, sql) in [
        (5, "SELECT count(*) FROM events"),
        (1, "SELECT count(*) FROM failures"),
        (3, "SELECT count(*) FROM readings"),
    ] {
        assert_eq!(client.query_one(sql, &[]).await?.get::<_, i64>(0), rows, "{sql}");
    }
    Ok(())
}

/// Starts the function, which sends its spans to `collector`.
async fn traced(database: &Database, collector: &str) -> anyhow::Result<Emulator> {
    let variables =
        [("DATABASE_URL", &*database.url()), ("OTEL_EXPORTER_OTLP_ENDPOINT", collector)];
    Emulator::start(env!("CARGO_BIN_EXE_ingest"), &variables).await
}

#[tokio::test]
#[ignore = "needs AWS's emulator: bash tests/external/rie/run"]
async fn each_invocation_is_a_span_that_the_collector_gets_before_the_next() -> anyhow::Result<()> {
    let (got, mut spans) = mpsc::channel(8);
    let collector = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/", collector.local_addr()?);
    let app = Router::new().route(
        "/v1/traces",
        post(async move |body: Bytes| got.send(body).await.unwrap_or_default()),
    );
    tokio::spawn(async move { axum::serve(collector, app).await });
    let database = database().await?;
    let emulator = traced(&database, &url).await?;
    for _ in 0..2 {
        assert_eq!(emulator.invoke(&sample_event("msk")?).await?, json!({"batchItemFailures": []}));
        let sent = timeout(Duration::from_secs(20), spans.recv()).await?.unwrap_or_default();
        // Protobuf contains texts unchanged, so they can be searched.
        let sent = String::from_utf8_lossy(&sent);
        for text in
            ["service.name", "ingest", "faas.trigger", "pubsub", "faas.invocation_id", "write"]
        {
            assert!(sent.contains(text), "{text} in {sent}");
        }
        assert!(spans.try_recv().is_err(), "one request an invocation");
    }
    Ok(())
}

#[tokio::test]
#[ignore = "needs AWS's emulator: bash tests/external/rie/run"]
async fn a_collector_that_hangs_holds_nothing_up_for_long() -> anyhow::Result<()> {
    let collector = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", collector.local_addr()?);
    let database = database().await?;
    let emulator = traced(&database, &url).await?;
    assert_eq!(emulator.invoke(&sample_event("msk")?).await?, json!({"batchItemFailures": []}));
    let begun = Instant::now();
    assert_eq!(emulator.invoke(&sample_event("msk")?).await?, json!({"batchItemFailures": []}));
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    Ok(())
}
