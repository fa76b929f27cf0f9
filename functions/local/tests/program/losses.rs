//! The embedded broker drops the oldest beyond 5 MB a partition: what nobody could read is named, loudly.

use anyhow::{Context, Result};
use weir::broker::Record;
use weir_testkit::eventually;

use crate::common::{
    Folder, Running, data,
    running::{LIMIT, count},
    weir,
};

/// Above what the broker keeps, what a lane holds and what librdkafka fetches ahead.
const RECORDS: usize = 40_000;

#[tokio::test]
async fn a_lost_range_is_named_by_the_log_and_by_reconcile() -> Result<()> {
    let folder = Folder::new()?;
    let running = Running::start(&folder, &["--lock-timeout", "60"]).await?;
    let in_3 = |record: Record| Record { partition: Some(3), ..record };
    running.produce([in_3(data::reading(0))]).await?;
    running.stored(&folder, 1).await?;
    let lock = folder.sql().await?;
    lock.batch_execute("BEGIN; SELECT FROM stream_partitions FOR UPDATE").await?;
    let big = |n: usize| Record { headers: vec![("padding".into(), Some(vec![b'x'; 800]))], ..in_3(data::reading(n)) };
    running.produce((1..=RECORDS).map(big)).await?;
    lock.batch_execute("COMMIT").await?;
    let loud = eventually(LIMIT, async || running.stderr().lines().find(|line| line.contains("lost: readings-3")).map(str::to_owned));
    let loud = loud.await.context("no loud line")?;
    assert!(loud.contains("run `weir reconcile`") && loud.contains("lost_ranges"), "{loud}");
    eprintln!("{}", running.stderr());
    let range = loud.split("offsets ").nth(1).and_then(|rest| rest.split(' ').next()).context("a range")?;
    let (first, end) = range.split_once("..").context("a range")?;
    let (first, end): (i64, i64) = (first.parse()?, end.parse()?);

    let sql = folder.sql().await?;
    let last = i64::try_from(RECORDS)?;
    let settled = "SELECT max(next_offset) FROM stream_partitions WHERE partition = 3";
    eventually(LIMIT, async || count(&sql, settled).await.ok().filter(|next| *next == last + 1)).await?;
    assert_eq!(count(&sql, "SELECT count(*) FROM events").await?, last + 1 - (end - first), "all but the range is stored");
    let said = weir(&["reconcile", "--data-dir", &folder.arg(), "--kafka-port", running.kafka_port()]).await?;
    assert_eq!(said.code, Some(1), "{said:?}");
    let line = format!("lost     readings-3 offsets {first} to {}: never delivered, and the broker has them no more", end - 1);
    assert!(said.stdout.contains(&line), "{line}: {said:?}");
    assert_eq!(said.stderr, "weir: some records are not in the log\n");
    Ok(())
}
