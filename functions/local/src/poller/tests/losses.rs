//! What the broker drops before it is read is noticed and named.

use std::{collections::BTreeMap, time::Duration};

use rdkafka::mocking::MockCluster;

use super::stage::{GROUP, Handler, Stage, TOPIC, offset, records, start, until};
use crate::{
    broker::{Producer, Record},
    poller::PollerConfig,
};

/// Twice what the embedded broker keeps.
const FLOOD: (usize, usize) = (20, 512 * 1024);

#[tokio::test(flavor = "multi_thread")]
async fn records_dropped_behind_a_blocked_handler_are_named() {
    let stage = Stage::new(2);
    stage.produce(1, 0, 5).await;
    let handler = Handler::content();
    handler.set_open(false);
    let mut config = stage.config();
    config.records_max = 5;
    let poller = start(&config, &handler);
    until(&poller, |_| !handler.events().is_empty()).await;
    // The next batch fills up, the lane pauses, and then the broker overflows.
    stage.produce(1, 5, 6).await;
    tokio::time::sleep(Duration::from_millis(1_800)).await;
    stage.flood(1, FLOOD.0, FLOOD.1).await;
    handler.set_open(true);
    let status = until(&poller, |s| !s.lost.is_empty() && s.records >= 15).await;
    poller.stop().await;
    let lost = &status.lost[0];
    assert_eq!((lost.topic.as_str(), lost.partition), ("t", 1));
    let offsets: Vec<i64> = handler.records().iter().map(offset).collect();
    let gap = offsets.windows(2).find(|pair| pair[1] != pair[0] + 1).expect("a gap");
    assert_eq!((lost.first, lost.end), (gap[0] + 1, gap[1]));
    assert!(lost.first >= 10 && status.losses == 1);
}

/// Ingest takes a hole inside a batch for one of compaction's: then nobody could name what is missing.
#[tokio::test(flavor = "multi_thread")]
async fn no_batch_spans_a_loss() {
    let stage = Stage::new(1);
    let handler = Handler::content();
    handler.set_open(false);
    let mut config = stage.config();
    // Two of the flood's records in an event; a third one is read, and waits for the next.
    config.event_bytes_max = 2 * 1024 * 1024;
    let poller = start(&config, &handler);
    stage.flood(0, 1, FLOOD.1).await;
    until(&poller, |_| !handler.events().is_empty()).await;
    stage.flood(0, 3, FLOOD.1).await;
    tokio::time::sleep(Duration::from_millis(1_800)).await;
    stage.flood(0, FLOOD.0, FLOOD.1).await;
    // While the second batch takes its time, the third is filled from both sides of the loss.
    let slow = |event: &[_]| {
        if event.len() == 2 && offset(&event[0]) == 1 {
            std::thread::sleep(Duration::from_secs(3));
        }
        Ok(())
    };
    handler.answer(slow).await;
    handler.set_open(true);
    until(&poller, |s| !s.lost.is_empty() && s.records >= 8).await;
    poller.stop().await;
    no_event_spans_the_loss(&handler);
}

/// The same while the broker takes longer to answer than a question waits.
#[tokio::test(flavor = "multi_thread")]
async fn no_batch_spans_a_loss_that_the_broker_does_not_tell_yet() {
    let broker = MockCluster::new(1).expect("a broker");
    broker.create_topic(TOPIC, 1, 1).expect("a topic");
    let producer = Producer::new(&broker.bootstrap_servers(), &BTreeMap::new()).expect("a producer");
    let flood = async |count| {
        let big = || Record { topic: TOPIC.into(), partition: Some(0), value: Some(vec![b'x'; FLOOD.1]), ..Record::default() };
        for _ in 0..count {
            producer.send_one(&big()).await.expect("delivered");
        }
    };
    let handler = Handler::content();
    handler.set_open(false);
    let config = PollerConfig {
        lanes: 1,
        event_bytes_max: 2 * 1024 * 1024,
        properties: [("session.timeout.ms".to_owned(), "30000".to_owned())].into(),
        ..PollerConfig::new(&broker.bootstrap_servers(), GROUP, &[TOPIC.to_owned()])
    };
    let poller = start(&config, &handler);
    flood(1).await;
    until(&poller, |_| !handler.events().is_empty()).await;
    flood(3).await;
    tokio::time::sleep(Duration::from_millis(1_800)).await;
    flood(FLOOD.0).await;
    broker.broker_round_trip_time(1, Duration::from_millis(2_500)).expect("slow");
    until(&poller, |s| s.connected == Some(false)).await;
    // Long enough for a place that is gone, the first one that is there, and what stands there.
    let slow = |event: &[_]| {
        if offset(&event[0]) == 1 {
            std::thread::sleep(Duration::from_secs(12));
        }
        Ok(())
    };
    handler.answer(slow).await;
    handler.set_open(true);
    let status = until(&poller, |s| s.records >= 4).await;
    assert_eq!(status.lost, [], "it was told");
    broker.broker_round_trip_time(1, Duration::ZERO).expect("as before");
    until(&poller, |s| !s.lost.is_empty() && s.records >= 8).await;
    poller.stop().await;
    no_event_spans_the_loss(&handler);
}

fn no_event_spans_the_loss(handler: &Handler) {
    let events: Vec<Vec<i64>> = handler.events().iter().map(|event| records(event).iter().map(offset).collect()).collect();
    assert!(events.iter().flatten().collect::<Vec<_>>().windows(2).any(|pair| *pair[1] > pair[0] + 1), "nothing was lost: {events:?}");
    for offsets in &events {
        assert!(offsets.windows(2).all(|pair| pair[1] == pair[0] + 1), "a batch spans the loss: {events:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn records_dropped_while_no_poller_ran_are_named() {
    let stage = Stage::new(1);
    stage.produce(0, 0, 5).await;
    let handler = Handler::content();
    let poller = stage.poll(&handler);
    until(&poller, |s| s.records == 5).await;
    poller.stop().await;

    stage.flood(0, FLOOD.0, FLOOD.1).await;
    let handler = Handler::content();
    let poller = stage.poll(&handler);
    let status = until(&poller, |s| s.records >= 5).await;
    poller.stop().await;
    let first = offset(&handler.records()[0]);
    assert!(first > 5);
    assert_eq!(status.lost.len(), 1);
    assert_eq!((status.lost[0].first, status.lost[0].end), (5, first));
    assert_eq!(status.lost[0].to_string(), format!("t-0 offsets 5..{first}"));
}
