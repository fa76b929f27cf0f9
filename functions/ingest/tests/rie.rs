//! The function under AWS's Runtime Interface Emulator, as it ships in aws-sam-cli. Started by `tests/rie/run`.

use weir_testkit::{Database, Emulator, KafkaEvent, Record};

#[tokio::test]
async fn a_batch_goes_through_awss_own_emulator() -> anyhow::Result<()> {
    let database = Database::create("rie", async |url: String| {
        let store = weir_store::Store::new(&weir_store::DatabaseConfig::from_url(url))?;
        weir_store::migrate::run(&store, &weir_model::models::builtin(), &Vec::new()).await?;
        Ok(())
    })
    .await?;
    let emulator = Emulator::start(env!("CARGO_BIN_EXE_ingest"), &[("DATABASE_URL", &database.url())]).await?;
    let record = |offset| Record {
        topic: "readings".into(),
        offset,
        value: format!(r#"{{"sensor":"speed","value":{offset},"timestamp":"2026-01-01T00:00:0{offset}Z"}}"#).into(),
        ..Record::default()
    };
    let event = KafkaEvent::new((0..5).map(record).collect::<Vec<_>>()).to_bytes();
    for _ in 0..2 {
        assert_eq!(emulator.invoke(&event).await?, serde_json::json!({"batchItemFailures": []}));
    }
    let wrong = emulator.invoke(b"{}").await?.to_string();
    assert!(wrong.contains("not the event of a Kafka event source mapping"), "{wrong}");
    let rows: i64 = database.client().await?.query_one("SELECT count(*) FROM readings", &[]).await?.get(0);
    assert_eq!(rows, 5);
    Ok(())
}
