//! The embedded broker drops the oldest records above 5 MB per partition. Records that were dropped
//! unread are reported in the log.

use std::time::Duration;

use anyhow::{Context, Result};
use weir_kafka::OutgoingRecord;
use weir_testkit::eventually;

use crate::common::{
    Folder, Running, data,
    running::{PATIENCE, count},
    weir,
};

/// More than the broker keeps, a worker holds, and librdkafka prefetches.
const RECORDS: usize = 40_000;
/// More than the two batches of a worker, and less than the broker keeps.
const FILLING: usize = 4_500;

#[tokio::test]
async fn a_lost_range_is_named_by_the_log_and_by_reconcile() -> Result<()> {
    let folder = Folder::new()?;
    let running = Running::start(&folder, &["--lock-timeout", "60"]).await?;
    let in_3 = |record: OutgoingRecord| OutgoingRecord { partition: Some(3), ..record };
    running.produce([in_3(data::reading(0))]).await?;
    running.stored(&folder, 1).await?;
    let lock = folder.sql().await?;
    lock.batch_execute("BEGIN; SELECT FROM stream_partitions FOR UPDATE").await?;
    let big = |n: usize| OutgoingRecord {
        headers: vec![("padding".into(), Some(vec![b'x'; 800]))],
        ..in_3(data::reading(n))
    };
    // First the records that the worker takes while it waits. None of them is dropped, so that
    // exactly one range is lost.
    running.produce((1..=FILLING).map(big)).await?;
    // The worker pauses after a second, and librdkafka drops its prefetched records.
    tokio::time::sleep(Duration::from_secs(4)).await;
    running.produce((FILLING + 1..=RECORDS).map(big)).await?;
    lock.batch_execute("COMMIT").await?;
    let loud = eventually(PATIENCE, async || {
        running
            .stderr()
            .lines()
            .find(|line| line.contains("lost: Kafka deleted readings-3"))
            .map(str::to_owned)
    });
    let loud = loud.await.with_context(|| format!("no loud line: {}", running.stderr()))?;
    assert!(loud.contains("run `weir reconcile`") && loud.contains("lost_ranges"), "{loud}");
    let (first, end) = range(&loud).context("a range")?;

    let sql = folder.sql().await?;
    let next = i64::try_from(RECORDS)? + 1;
    let settled = "SELECT max(next_offset) FROM stream_partitions WHERE partition = 3";
    eventually(PATIENCE, async || {
        count(&sql, settled).await.ok().filter(|settled| *settled == next)
    })
    .await?;
    let stored = count(&sql, "SELECT count(*) FROM events").await?;
    let gap = sql
        .query_one("SELECT first_offset, end_offset FROM stream_gaps WHERE partition = 3", &[])
        .await?;
    let gap: (i64, i64) = (gap.try_get("first_offset")?, gap.try_get("end_offset")?);
    assert_eq!(stored, next - (gap.1 - gap.0), "all but the range is stored");
    // The log line may also include a batch that was stored but not committed because of a
    // rebalance.
    assert!(first <= gap.0 && end == gap.1, "{first}..{end} {gap:?}");
    let said =
        weir(&["reconcile", "--data-dir", &folder.arg(), "--kafka-port", running.kafka_port()])
            .await?;
    assert_eq!(said.code, Some(1), "{said:?}");
    let line = format!(
        "lost     readings-3 offsets {} to {}: never delivered, and the broker no longer has them",
        gap.0,
        gap.1 - 1
    );
    assert!(said.stdout.contains(&line), "{line}: {said:?}");
    assert_eq!(
        said.stderr,
        "weir: some records are not in the log, and the broker no longer has them\n"
    );
    Ok(())
}

/// Parses `… offsets 7..9 …`.
fn range(line: &str) -> Option<(i64, i64)> {
    let (first, end) = line.split("offsets ").nth(1)?.split(' ').next()?.split_once("..")?;
    Some((first.parse().ok()?, end.parse().ok()?))
}
