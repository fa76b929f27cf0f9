//! A backlog of 100,000 records. `weir` is killed and Kafka is restarted while it is stored.

use anyhow::{Context, Result};
use weir_kafka::Producer;
use weir_testkit::{Database, eventually};

use crate::{
    apache::ApacheKafka,
    common::{
        Folder, Running, command, data,
        running::{PATIENCE, count, publish, until_count},
        weir,
    },
};

const RECORDS: i64 = 100_000;

#[tokio::test]
#[ignore = "needs Apache Kafka: bash tests/external/kafka/run"]
async fn a_backlog_is_stored_once_despite_kills() -> Result<()> {
    let (mut kafka, database) = tokio::try_join!(ApacheKafka::start(), Database::empty())?;
    for topic in ["build_events", "readings"] {
        kafka.create_topic(topic, 8, &[]).await?;
    }
    let producer = Producer::new(&kafka.address(), &std::collections::BTreeMap::new())?;
    let unkeyed = |n: i64| weir_kafka::OutgoingRecord {
        key: None,
        ..data::reading(usize::try_from(n).unwrap_or_default())
    };
    publish(&producer, (0..RECORDS - 1_000).map(unkeyed)).await?;
    let folder = Folder::new()?;
    let (address, url, data_dir) = (kafka.address(), database.url(), folder.arg());
    let start = async || {
        let args = [
            "--kafka",
            &address,
            "--database-url",
            &url,
            "--data-dir",
            &data_dir,
            "--port",
            "0",
            "--lanes",
            "3",
        ];
        Running::of(command(env!("CARGO_BIN_EXE_weir"), &args)).await
    };
    let sql = database.client().await?;
    let stored = async || count(&sql, "SELECT count(*) FROM events").await.ok();
    let above = async |limit: i64| {
        eventually(PATIENCE, async || stored().await.filter(|rows| *rows > limit)).await
    };

    // The tables exist only after the first start.
    let mut running = start().await?;
    for (round, at) in [5_000, 25_000].into_iter().enumerate() {
        above(at).await.with_context(|| running.stderr())?;
        running.kill()?;
        let rows = stored().await.context("a count")?;
        eprintln!("kill {round} at {rows} records");
        assert!(rows < RECORDS, "all was stored before the kill: {rows}");
        running = start().await?;
    }
    above(45_000).await.with_context(|| running.stderr())?;
    kafka.stop().await?;
    let rows = stored().await.context("a count")?;
    eprintln!("kafka stopped at {rows} records");
    let away = eventually(PATIENCE, async || {
        running.get("/healthz").await.ok().filter(|answer| answer.status == 503)
    })
    .await?;
    assert!(away.body.contains("the Kafka broker does not answer"), "{away:?}");
    kafka.run().await?;
    // These records are produced after the restart of Kafka.
    publish(&producer, (RECORDS - 1_000..RECORDS).map(unkeyed)).await?;
    until_count(&sql, "SELECT count(*) FROM events", RECORDS)
        .await
        .with_context(|| running.stderr())?;
    assert_eq!(data::distinct_and_all_readings(&sql).await?, (RECORDS, RECORDS));
    assert_eq!(count(&sql, "SELECT count(*) FROM readings").await?, RECORDS);
    assert_eq!(count(&sql, "SELECT count(*) FROM failures").await?, 0);
    let ready = eventually(PATIENCE, async || {
        running.get("/healthz").await.ok().filter(|answer| answer.status == 200)
    });
    ready.await.with_context(|| running.stderr())?;
    assert!(!running.stderr().contains("lost:"), "{}", running.stderr());
    let ended = running.interrupt().await?;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let clean = weir(&["reconcile", "--kafka", &address, "--database-url", &url]).await?;
    assert_eq!(clean.code, Some(0), "{clean:?}");
    assert!(
        clean.stdout.ends_with("16 partitions compared: 0 missing, 0 lost, 0 not yet read\n"),
        "{clean:?}"
    );
    Ok(())
}
