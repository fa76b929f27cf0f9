//! The limits of one event.

use std::sync::Arc;

use rdkafka::{Timestamp, message::OwnedMessage};
use weir_kafka::TopicPartition;

use super::stage::{Handler, Stage, offset, records, start, until};
use crate::poller::batch::{Batch, Frame};

fn message(topic: &str, partition: i32, offset: i64, bytes: usize) -> OwnedMessage {
    OwnedMessage::new(Some(vec![b'x'; bytes]), None, topic.into(), Timestamp::CreateTime(1), partition, offset, None)
}

fn batch(records_max: usize, bytes_max: usize) -> Batch {
    Batch::new(Arc::new(Frame::new("s", "b", records_max, bytes_max)))
}

#[test]
fn bytes_are_counted_as_they_are_written() {
    const BYTES_MAX: usize = 4_000;
    let (a, b) = (TopicPartition::new("a", 0), TopicPartition::new("b", 12));
    let mut batch = batch(1_000, BYTES_MAX);
    let mut taken = 0;
    let carried = loop {
        let at = if taken % 3 == 0 { &b } else { &a };
        let next = message(&at.topic, at.partition, taken, 50);
        match batch.push(at, &next) {
            Ok(()) => taken += 1,
            Err(carried) => break carried,
        }
    };
    let event = batch.event();
    assert!(event.len() <= BYTES_MAX && event.len() > BYTES_MAX - 200);
    assert_eq!(records(&event).len(), batch.records());
    // What did not fit is the same record in the next one.
    let mut next = self::batch(1_000, BYTES_MAX);
    assert!(next.push_carried(carried).is_ok());
    assert_eq!(offset(&records(&next.event())[0]), taken);

    batch.remove(&a);
    let left = records(&batch.event());
    assert!(left.len() == batch.records() && left.iter().all(|r| r["topic"] == "b"));
}

#[test]
fn a_record_too_big_for_any_event_goes_alone() {
    let at = TopicPartition::new("a", 0);
    let mut batch = batch(10, 1_000);
    assert!(batch.push(&at, &message("a", 0, 0, 5_000)).is_ok());
    assert!(batch.is_full());
    let carried = batch.push(&at, &message("a", 0, 1, 1)).err();
    assert!(carried.is_some());
    assert_eq!(records(&batch.event()).len(), 1);
}

#[test]
fn halves_hold_the_same_records_in_topic_partition_offset_order() {
    let mut batch = batch(100, 100_000);
    for offset in 0..5 {
        for (topic, partition) in [("b", 0), ("a", 1), ("a", 0)] {
            let at = TopicPartition::new(topic, partition);
            let next = message(topic, partition, offset, 3);
            assert!(batch.push(&at, &next).is_ok());
        }
    }
    let whole = records(&batch.event());
    let places: Vec<_> = whole.iter().map(|r| (r["topic"].to_string(), r["partition"].as_i64(), offset(r))).collect();
    assert!(places.is_sorted());
    let (first, second) = batch.halve();
    assert_eq!((first.records(), second.records()), (7, 8));
    let mut halves = records(&first.event());
    halves.extend(records(&second.event()));
    assert_eq!(halves, whole);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_keep_within_their_limits() {
    let stage = Stage::new(2);
    stage.produce(0, 0, 250).await;
    stage.flood(1, 10, 3_000).await;
    stage.flood(1, 1, 30_000).await;
    let handler = Handler::content();
    let mut config = stage.config();
    config.records_max = 100;
    config.event_bytes_max = 16_000;
    let poller = start(&config, &handler);
    until(&poller, |s| s.records == 261).await;
    poller.stop().await;
    for event in handler.events() {
        let count = records(&event).len();
        assert!(count <= 100);
        assert!(event.len() <= 16_000 || count == 1, "{}", event.len());
    }
    assert!(handler.events().iter().any(|event| event.len() > 40_000));
}
