//! Tests that the function stops a slow batch early enough to roll back.

use std::time::{Duration, Instant};

use anyhow::Result;
use weir_testkit::{FunctionError, PATIENCE, eventually};

use crate::child::{IngestHarness, batch};

#[tokio::test]
async fn a_batch_is_given_up_2_seconds_before_the_deadline_and_leaves_no_transaction() -> Result<()>
{
    let harness = IngestHarness::new().await?;
    let _child = harness.start()?;
    harness.deliver(batch(0, 3)).await?;
    // Another session locks the partition's row, so the batch waits in the middle of its
    // transaction.
    let other = harness.database.client().await?;
    other.batch_execute("BEGIN; SELECT * FROM stream_partitions FOR UPDATE").await?;
    let begun = Instant::now();
    let answer = harness.runtime.invoke_told(batch(3, 3), Duration::from_secs(6), PATIENCE).await;
    assert!(
        begun.elapsed() < Duration::from_millis(5_500),
        "{:?} of 6 s: there is time left to roll back",
        begun.elapsed()
    );
    assert!(
        matches!(&answer, Err(FunctionError::Failed { message, .. }) if message.contains("timed out")),
        "{answer:?}"
    );
    // A server that waits for a lock would notice the lost client only at the lock's own limit of
    // 10 s.
    let open = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'weir' AND xact_start IS NOT NULL";
    eventually(Duration::from_secs(5), async || {
        (harness.count(open).await.ok()? == 0).then_some(())
    })
    .await?;
    other.batch_execute("ROLLBACK").await?;
    harness.deliver(batch(3, 3)).await?;
    assert_eq!(harness.count("SELECT count(*) FROM events").await?, 6);
    Ok(())
}
