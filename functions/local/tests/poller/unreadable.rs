//! A partition that cannot be read is reported, and the other partitions are still read.

use std::time::{Duration, Instant};

use crate::stage::{RecordingHandler, Stage, TOPIC, start, until};

/// The code of zstd in the attributes of a batch.
const ZSTD: i16 = 4;

#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_partition_is_named_with_its_offset() {
    let stage = Stage::new(2);
    stage.produce(0, 0, 3).await;
    stage.produce_raw(0, ZSTD, &[0xff; 40]).await;
    stage.produce(1, 0, 5).await;
    let handler = RecordingHandler::content();
    let config = stage.config();
    let health = config.health.clone();
    let poller = start(&config, &handler);
    until(&poller, |s| s.records == 8).await;
    let begun = Instant::now();
    let reasons = loop {
        let reasons = health.list();
        if !reasons.is_empty() {
            break reasons;
        }
        assert!(begun.elapsed() < Duration::from_mins(1), "it is not named");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert_eq!(
        (reasons.len(), reasons[0].kind.name(), reasons[0].topic.as_deref(), reasons[0].partition),
        (1, "partition", Some(TOPIC), Some(0))
    );
    assert!(reasons[0].text.contains("offset 3"), "{reasons:?}");
    stage.produce(1, 5, 5).await;
    until(&poller, |s| s.records == 13).await;
    poller.stop().await;
}
