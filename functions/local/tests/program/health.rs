//! The metric `weir_health_reason` names what `/healthz` names. The log names a topic that does not
//! exist.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use rdkafka::mocking::MockCluster;
use weir_kafka::{OutgoingRecord, Producer};
use weir_testkit::{Database, Proxy, eventually};

use crate::common::{
    Folder, Running, data,
    running::{PATIENCE, until_count},
};

/// Waits until the metric of a reason has this value.
async fn shows(running: &Running, labels: &str, value: u8) -> Result<()> {
    let line = format!("weir_health_reason{{{labels}}} {value}\n");
    let shown = async || running.get("/metrics").await.ok().filter(|m| m.body.contains(&line));
    eventually(PATIENCE, shown).await.with_context(|| line.clone())?;
    Ok(())
}

#[tokio::test]
async fn reasons_that_the_database_knows_are_in_the_metric() -> Result<()> {
    let database = Database::empty().await?;
    let proxy = Proxy::start(&database.url()).await?;
    let folder = Folder::new()?;
    let url = proxy.url(&database.url());
    let running = Running::start(&folder, &["--database-url", &url]).await?;
    running.produce([data::reading(0)]).await?;
    let sql = database.client().await?;
    until_count(&sql, "SELECT count(*) FROM readings", 1).await?;
    sql.batch_execute(
        "UPDATE stream_partitions SET next_offset = 20 WHERE next_offset = 1;
         INSERT INTO stream_gaps (stream, partition, first_offset, end_offset)
         SELECT stream, partition, 5, 9 FROM stream_partitions WHERE next_offset = 20",
    )
    .await?;
    let row = "SELECT partition FROM stream_partitions WHERE next_offset = 20";
    let partition: i32 = sql.query_one(row, &[]).await?.try_get(0)?;
    let gap = format!(r#"kind="gap",topic="readings",partition="{partition}""#);
    shows(&running, &gap, 1).await?;

    let database = r#"kind="database",topic="",partition="""#;
    proxy.refuse(true);
    shows(&running, database, 1).await?;
    proxy.refuse(false);
    shows(&running, database, 0).await?;
    sql.batch_execute("DELETE FROM stream_gaps").await?;
    shows(&running, &gap, 0).await
}

/// librdkafka does not say that a topic is missing, if the group has the protocol `consumer`.
#[tokio::test]
async fn a_topic_that_does_not_exist_is_named_and_read_once_it_does() -> Result<()> {
    let brokers = MockCluster::new(1)?;
    brokers.create_topic("readings", 1, 1)?;
    let (kafka, folder) = (brokers.bootstrap_servers(), Folder::new()?);
    let topics = ["--kafka", &kafka, "--topics", "readings=readings,late=events"];
    let running = Running::start(&folder, &topics).await?;
    let line = "topic late does not exist in Kafka yet: waiting for it";
    let named = eventually(PATIENCE, async || running.stderr().contains(line).then_some(()));
    named.await.with_context(|| running.stderr())?;
    brokers.create_topic("late", 1, 1)?;
    let late = OutgoingRecord {
        topic: "late".into(),
        value: Some(b"{}".to_vec()),
        ..OutgoingRecord::default()
    };
    Producer::new(&kafka, &BTreeMap::new())?.publish_all([late]).await?;
    running.stored(&folder, 1).await?;
    assert_eq!(running.stderr().matches(line).count(), 1, "{}", running.stderr());
    Ok(())
}
