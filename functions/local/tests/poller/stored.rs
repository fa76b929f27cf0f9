//! The poller starts at the database's positions.

use std::{
    sync::atomic::Ordering::SeqCst,
    time::{Duration, Instant},
};

use weir::poller::InvokeError;

use crate::stage::{RecordingHandler, Stage, has_committed, offset, until};

/// The time from a start to the first check of quiet partitions.
const QUIET_CHECK: Duration = Duration::from_secs(30);

/// After a failover, or a kill with `synchronous_commit=off`, the group has committed records that
/// the database has lost.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_database_lacks_is_read_again_after_a_restart() {
    let stage = Stage::new(1);
    stage.produce(0, 0, 100).await;
    let first = RecordingHandler::content();
    let poller = stage.poll(&first);
    until(&poller, |s| s.records == 100).await;
    poller.stop().await;

    let second = RecordingHandler::on_the_database_of(&first);
    second.put_back(60);
    let poller = stage.poll(&second);
    let status = until(&poller, |s| s.records == 40).await;
    assert_eq!(status.lost, []);
    poller.stop().await;
    assert!(second.records().iter().map(offset).eq(60..100));
    assert_eq!(stage.committed(0).await, Some(100));
}

/// The next batch shows the gap, long before the check of quiet partitions.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_database_lacks_is_read_again_while_it_runs() {
    let begun = Instant::now();
    let stage = Stage::new(1);
    stage.produce(0, 0, 50).await;
    let handler = RecordingHandler::content();
    let poller = stage.poll(&handler);
    until(&poller, |s| s.records == 50).await;
    handler.put_back(20);
    stage.produce(0, 50, 10).await;
    let status = until(&poller, |s| s.records == 60 + 40).await;
    assert!(begun.elapsed() < QUIET_CHECK, "{:?}", begun.elapsed());
    assert_eq!(status.lost, []);
    poller.stop().await;
    let again: Vec<i64> = handler.records()[60..].iter().map(offset).collect();
    assert_eq!(again, (20..60).collect::<Vec<_>>());
}

/// The same, when no further record comes.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_database_lacks_is_read_again_while_the_topic_is_quiet() {
    let stage = Stage::new(1);
    stage.produce(0, 0, 50).await;
    let handler = RecordingHandler::content();
    let poller = stage.poll(&handler);
    until(&poller, |s| s.records == 50).await;
    handler.put_back(20);
    tokio::time::sleep(QUIET_CHECK).await;
    until(&poller, |s| s.records == 80).await;
    poller.stop().await;
    assert!(handler.records()[50..].iter().map(offset).eq(20..50));
}

/// The topic is set aside after each failure, and starts again at the offset that the group has
/// committed. The consumer has read further by then.
#[tokio::test(flavor = "multi_thread")]
async fn a_partition_that_is_started_again_is_moved_back_each_time() {
    let stage = Stage::new(1);
    stage.produce(0, 0, 10).await;
    let handler = RecordingHandler::content();
    let poller = stage.poll(&handler);
    until(&poller, |s| has_committed(s, 10)).await;
    handler.answer(|_| Err(InvokeError::new("refused"))).await;
    stage.produce(0, 10, 10).await;
    until(&poller, |s| s.batches_failed >= 3).await;
    let failed = handler.records().split_off(10);
    assert!(failed.iter().map(offset).eq((10..20).cycle().take(failed.len())), "{failed:?}");
    assert_eq!(stage.committed(0).await, Some(10));

    handler.answer(|_| Ok(())).await;
    until(&poller, |s| s.records == 20 && has_committed(s, 20)).await;
    poller.stop().await;
    assert_eq!(handler.records().iter().map(offset).filter(|n| *n < 10).count(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_read_before_the_database_says_where() {
    let stage = Stage::new(2);
    stage.produce(1, 0, 10).await;
    let handler = RecordingHandler::content();
    handler.is_away.store(true, SeqCst);
    let poller = stage.poll(&handler);
    until(&poller, |s| s.partitions_assigned == 2).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(poller.status().records, 0);
    handler.is_away.store(false, SeqCst);
    until(&poller, |s| s.records == 10).await;
    poller.stop().await;
}
