//! `weir reconcile` with a broker that does not answer for each partition, or returns no topic ids.

use std::{collections::BTreeMap, ops::Range};

use anyhow::Result;
use rdkafka::{ClientContext, mocking::MockCluster};
use weir_kafka::{OutgoingRecord, Producer};
use weir_testkit::{Database, old_broker};

use crate::common::{
    Folder, Running, data,
    running::{count, publish, until_count},
    weir,
};

#[tokio::test]
async fn a_partition_without_a_leader_is_named_and_the_others_are_compared() -> Result<()> {
    let brokers = MockCluster::new(1)?;
    brokers.create_topic("readings", 3, 1)?;
    let kafka = brokers.bootstrap_servers();
    let producer = Producer::new(&kafka, &BTreeMap::new())?;
    producer.send_one(&OutgoingRecord { partition: Some(2), ..data::reading(0) }).await?;
    brokers.partition_leader("readings", 1, None)?;

    let database = Database::empty().await?;
    let url = database.url();
    let migrated = weir(&["migrate", "--database-url", &url]).await?;
    assert_eq!(migrated.code, Some(0), "{migrated:?}");
    let said = weir(&["reconcile", "--kafka", &kafka, "--database-url", &url]).await?;
    assert_eq!(said.code, Some(1), "{said:?}");
    for line in [
        "unread   readings-1: the partition has no leader\n",
        "behind   readings-2: 1 records are not read yet\n",
        "2 partitions compared: 0 missing, 0 lost, 1 not yet read\n",
    ] {
        assert!(said.stdout.contains(line), "{line}: {said:?}");
    }
    assert_eq!(
        said.stderr,
        "weir: some topics or partitions cannot be read: see the lines that begin with unread\n"
    );
    Ok(())
}

/// Starts a broker that is older than topic ids and has these readings in one partition.
async fn without_ids(
    readings: Range<usize>,
) -> Result<(MockCluster<'static, impl ClientContext>, String)> {
    let broker = MockCluster::new(1)?;
    broker.create_topic("readings", 1, 1)?;
    let producer = Producer::new(&broker.bootstrap_servers(), &BTreeMap::new())?;
    publish(&producer, readings.map(data::reading)).await?;
    // Kafka returns topic ids in `Metadata` 12 and later.
    let address = old_broker(broker.bootstrap_servers(), 11)?;
    Ok((broker, address))
}

/// Stores five readings, and then compares them with another broker, which is what a recreated
/// topic looks like.
#[tokio::test]
async fn without_topic_ids_the_end_and_the_last_record_tell_that_a_topic_was_recreated()
-> Result<()> {
    let database = Database::empty().await?;
    let url = database.url();
    let own = ["--database-url", &url, "--topics", "readings=readings"];
    let reconcile =
        async |kafka: &str| weir(&[&["reconcile", "--kafka", kafka], &own[..]].concat()).await;
    let ((_first, kafka), folder) = (without_ids(0..5).await?, Folder::new()?);
    let running = Running::start(&folder, &[&["--kafka", &kafka], &own[..]].concat()).await?;
    let sql = database.client().await?;
    until_count(&sql, "SELECT count(*) FROM readings", 5).await?;
    running.interrupt().await?;
    assert_eq!(count(&sql, "SELECT count(*) FROM streams WHERE topic_id IS NOT NULL").await?, 0);
    let same = reconcile(&kafka).await?;
    assert_eq!(same.code, Some(0), "{same:?}");

    for (readings, offsets, what) in [
        (10..13, "3 to 4", "the broker's log ends at offset 3"),
        (10..15, "4 to 4", "the broker has a different record at the last stored offset"),
        (10..17, "4 to 4", "the broker has a different record at the last stored offset"),
    ] {
        let (_other, kafka) = without_ids(readings).await?;
        let said = reconcile(&kafka).await?;
        let line =
            format!("other    readings-0 offsets {offsets}: recreated or truncated: {what};");
        assert!(said.code == Some(1) && said.stdout.contains(&line), "{line}: {said:?}");
        // The contradiction is stored until the reset.
        sql.batch_execute("DELETE FROM stream_contradictions").await?;
    }
    Ok(())
}

/// The records of an archived file count as stored, so a file that is gone is a loss.
#[tokio::test]
async fn an_archived_file_that_is_missing_or_short_is_a_loss() -> Result<()> {
    let brokers = MockCluster::new(1)?;
    brokers.create_topic("readings", 1, 1)?;
    let (kafka, database, folder) =
        (brokers.bootstrap_servers(), Database::empty().await?, tempfile::tempdir()?);
    let (url, place) = (database.url(), format!("file://{}", folder.path().display()));
    let own = ["--database-url", &url, "--topics", "readings=readings"];
    let migrated = weir(&["migrate", "--database-url", &url]).await?;
    assert_eq!(migrated.code, Some(0), "{migrated:?}");
    let sql = database.client().await?;
    sql.batch_execute(
        "INSERT INTO archived_files (day, topic, month_table, destination, path, bytes, sha256, records, oldest, newest)
         VALUES ('2024-05-04', 'readings', 'events_2024_05', 'file:///then', 'events/a.parquet', 5, '', 7, now(), now())",
    )
    .await?;
    let reconcile = async || {
        weir(&[&["reconcile", "--kafka", &kafka, "--blob-url", &place], &own[..]].concat()).await
    };
    std::fs::create_dir(folder.path().join("events"))?;
    let file = folder.path().join("events/a.parquet");
    for (content, fault) in [
        (None, "events/a.parquet does not exist in file://"),
        (Some("four"), "events/a.parquet has 4 bytes, but must have 5"),
    ] {
        if let Some(content) = content {
            std::fs::write(&file, content)?;
        }
        let said = reconcile().await?;
        let line = format!("lost     7 archived records of readings: {fault}");
        assert!(said.code == Some(1) && said.stdout.contains(&line), "{line}: {said:?}");
        assert!(said.stderr.starts_with("weir: some archived files are missing"), "{said:?}");
    }
    std::fs::write(&file, "12345")?;
    let said = reconcile().await?;
    assert_eq!(said.code, Some(0), "{said:?}");
    Ok(())
}
