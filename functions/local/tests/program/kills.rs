//! `kill -9` on `weir`. The next start works without help, duplicates no record, and has every
//! acknowledged record.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context, Result};
use serde_json::json;
use weir_kafka::committed;
use weir_testkit::{KafkaEvent, Record, eventually};

use crate::common::{
    Folder, Running, data,
    running::{Load, PATIENCE, count, until_count},
};

const ROUNDS: u32 = 3;

#[tokio::test]
async fn after_a_kill_under_load_it_recovers() -> Result<()> {
    let folder = Folder::new()?;
    let mut weir = Running::start(&folder, &[]).await?;
    for round in 0..ROUNDS {
        let sql = folder.sql().await?;
        let before = count(&sql, "SELECT count(*) FROM events").await?;
        // Each reading is sent once, so two equal readings were stored twice.
        let load = Load::start(&weir, (round as usize * 10_000_000..).map(data::reading))?;
        let invoked = Record {
            topic: "readings".into(),
            partition: 900,
            offset: round.into(),
            value: data::reading(9_000_000 + round as usize).value.unwrap_or_default().into(),
            ..Record::default()
        };
        let answer = weir.invoke(&[], &KafkaEvent::new([invoked]).to_bytes()).await?;
        assert_eq!(answer.json()?, json!({"batchItemFailures": []}));
        eventually(PATIENCE, async || {
            count(&sql, "SELECT count(*) FROM events")
                .await
                .ok()
                .filter(|now| *now > before + 1_000)
        })
        .await?;
        tokio::time::sleep(Duration::from_millis(137 * u64::from(round))).await;
        // The committed offsets are those that ingest has acknowledged.
        let topics = ["readings".to_owned()];
        let acknowledged =
            committed(&weir.kafka, &BTreeMap::new(), "weir", &topics, PATIENCE).await?;
        let postgres = folder.postgres().context("a PostgreSQL")?;
        weir.kill()?;
        drop(load);
        assert_eq!(folder.postgres(), Some(postgres), "it is left over");

        weir = Running::start(&folder, &[]).await?;
        assert!(
            folder.postgres().is_some_and(|pid| pid != postgres),
            "the one that was left over was stopped"
        );
        let sql = folder.sql().await?;
        for partition in acknowledged {
            let query = "SELECT count(*) FROM events e JOIN streams s ON s.id = e.stream
                WHERE s.topic = $1 AND s.epoch = $2 AND e.partition = $3 AND e.\"offset\" < $4";
            let (epoch, next) = (i32::try_from(round)?, partition.next.unwrap_or(0));
            let stored: i64 = sql
                .query_one(query, &[&partition.topic, &epoch, &partition.partition, &next])
                .await?
                .try_get(0)?;
            assert_eq!(stored, next, "{partition:?}");
        }
        assert_eq!(
            count(&sql, "SELECT count(*) FROM events WHERE partition = 900").await?,
            i64::from(round) + 1
        );
        let (distinct, all) = data::distinct_and_all_readings(&sql).await?;
        assert_eq!(distinct, all, "doubled in round {round}");
        assert_eq!(count(&sql, "SELECT count(*) FROM readings").await?, distinct);
    }
    let sql = folder.sql().await?;
    let before = count(&sql, "SELECT count(*) FROM events").await?;
    weir.produce((8_000_000..8_000_500).map(data::reading)).await?;
    until_count(&sql, "SELECT count(*) FROM events", before + 500).await?;
    assert_eq!(weir.interrupt().await?.code, Some(0));
    Ok(())
}
