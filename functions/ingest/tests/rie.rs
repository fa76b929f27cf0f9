//! The function under AWS's Runtime Interface Emulator, as it ships in aws-sam-cli. Started by `tests/rie/run`.

use weir_testkit::{Database, Emulator, sample_event};

#[tokio::test]
async fn a_batch_goes_through_awss_own_emulator() -> anyhow::Result<()> {
    let database = Database::create("rie", async |url: String| {
        let store = weir_store::Store::new(&weir_store::DatabaseConfig::from_url(url))?;
        weir_store::migrate::run(&store, &weir_model::models::builtin(), &Vec::new()).await?;
        Ok(())
    })
    .await?;
    let emulator = Emulator::start(env!("CARGO_BIN_EXE_ingest"), &[("DATABASE_URL", &database.url())]).await?;
    // A first delivery, the same again, and one with a record that is none.
    for name in ["msk", "msk", "msk-poison"] {
        assert_eq!(emulator.invoke(&sample_event(name)?).await?, serde_json::json!({"batchItemFailures": []}), "{name}");
    }
    let wrong = emulator.invoke(b"{}").await?.to_string();
    assert!(wrong.contains("not the event of a Kafka event source mapping"), "{wrong}");
    let client = database.client().await?;
    for (rows, sql) in [(5, "SELECT count(*) FROM events"), (1, "SELECT count(*) FROM failures"), (3, "SELECT count(*) FROM readings")] {
        assert_eq!(client.query_one(sql, &[]).await?.get::<_, i64>(0), rows, "{sql}");
    }
    Ok(())
}
