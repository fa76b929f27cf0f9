//! Partitions that move to another worker while a batch is in flight.

use std::{collections::BTreeSet, time::Duration};

use weir::poller::InvokeError;

use crate::stage::{RecordingHandler, Stage, records, start, until};

fn partitions(event: &[u8]) -> BTreeSet<i64> {
    let records = records(event);
    let numbers = records.iter().map(|r| r["partition"].as_i64());
    numbers.map(|n| n.expect("a partition")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn records_of_a_revoked_partition_leave_the_batch_in_flight() {
    let stage = Stage::new(4);
    for partition in 0..4 {
        stage.produce(partition, 0, 10).await;
    }
    let failing = RecordingHandler::new(|_| Err(InvokeError::new("not yet")));
    let first = stage.poll(&failing);
    until(&first, |s| s.batches_failed >= 2).await;
    let content = RecordingHandler::content();
    let second = stage.poll(&content);
    until(&second, |s| s.records == 20).await;
    until(&first, |s| s.partitions_assigned == 2).await;
    let before = failing.events().len();
    failing.answer(|_| Ok(())).await;
    until(&first, |s| s.records == 20).await;
    assert_eq!(first.stop().await.lost, []);
    assert_eq!(second.stop().await.lost, []);

    let theirs: BTreeSet<i64> =
        content.events().iter().flat_map(|event| partitions(event)).collect();
    assert_eq!(theirs.len(), 2);
    for event in &failing.events()[before..] {
        assert!(partitions(event).is_disjoint(&theirs), "a record of the other worker");
    }
    for partition in 0..4 {
        assert_eq!(stage.committed(partition).await, Some(10));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_was_paused_reads_on_after_a_rebalance() {
    let stage = Stage::new(2);
    for partition in 0..2 {
        stage.produce(partition, 0, 20).await;
    }
    let mut config = stage.config();
    config.records_max = 5;
    let blocked = RecordingHandler::content();
    blocked.set_open(false);
    let first = start(&config, &blocked);
    until(&first, |s| s.partitions_assigned == 2).await;
    // One batch is in flight, the next one is full, and a further record does not fit: the worker
    // pauses.
    tokio::time::sleep(Duration::from_secs(2)).await;

    let content = RecordingHandler::content();
    let second = stage.poll(&content);
    until(&second, |s| s.records == 20).await;
    blocked.set_open(true);
    // Records that were in flight when their partition was revoked are not counted, and are read
    // again.
    until(&first, |s| s.records == 20).await;
    assert_eq!(first.stop().await.lost, []);
    second.stop().await;
    for partition in 0..2 {
        assert_eq!(stage.committed(partition).await, Some(20));
    }
}
