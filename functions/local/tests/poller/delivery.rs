//! Produced records arrive complete and once. Their offsets are committed only then.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use serde_json::json;
use weir::poller::{CLOSE_LIMIT, PollerConfig, PollerHandle};
use weir_kafka::OutgoingRecord;
use weir_testkit::connects_once;

use crate::stage::{RecordingHandler, Stage, TOPIC, has_committed, offset, start, until, value};

#[tokio::test(flavor = "multi_thread")]
async fn odd_records_arrive_byte_for_byte() {
    let stage = Stage::new(1);
    let odd = OutgoingRecord {
        topic: TOPIC.into(),
        partition: Some(0),
        key: Some(vec![0, 255]),
        value: Some(b"{\"a\":1}".to_vec()),
        headers: vec![
            ("ce_id".into(), Some(vec![104, 0xC3, 0xAB])),
            ("none".into(), None),
            ("empty".into(), Some(Vec::new())),
        ],
        timestamp_ms: Some(1_545_084_650_987),
    };
    let empty = OutgoingRecord {
        topic: TOPIC.into(),
        partition: Some(0),
        key: Some(Vec::new()),
        value: Some(Vec::new()),
        timestamp_ms: Some(-5_000),
        ..OutgoingRecord::default()
    };
    let tombstone =
        OutgoingRecord { key: None, value: None, timestamp_ms: Some(1), ..empty.clone() };
    // Produced together, so that they are fetched together.
    stage.producer.publish_all([odd, empty, tombstone]).await.expect("delivered");
    let handler = RecordingHandler::content();
    let poller = stage.poll(&handler);
    until(&poller, |s| s.records == 3).await;
    let status = poller.stop().await;
    assert_eq!((status.batches_ok, status.partitions_assigned), (1, 0));
    let event: serde_json::Value = serde_json::from_slice(&handler.events()[0]).expect("json");
    let kind = "CREATE_TIME";
    assert_eq!(
        event,
        json!({
            "eventSource": "SelfManagedKafka",
            "bootstrapServers": stage.broker.bootstrap(),
            "records": {"t-0": [
                {"topic": "t", "partition": 0, "offset": 0, "timestamp": 1_545_084_650_987_i64,
                 "timestampType": kind, "key": "AP8=", "value": "eyJhIjoxfQ==",
                 "headers": [{"ce_id": [104, -61, -85]}, {}, {"empty": []}]},
                {"topic": "t", "partition": 0, "offset": 1, "timestamp": -5_000,
                 "timestampType": kind, "key": "", "value": "", "headers": []},
                {"topic": "t", "partition": 0, "offset": 2, "timestamp": 1,
                 "timestampType": kind, "value": null, "headers": []},
            ]},
        })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_poller_goes_on_where_the_group_committed() {
    let stage = Stage::new(1);
    stage.produce(0, 0, 100).await;
    let first = RecordingHandler::content();
    let poller = stage.poll(&first);
    until(&poller, |s| s.records == 100).await;
    poller.stop().await;
    assert_eq!(stage.committed(0).await, Some(100));

    stage.produce(0, 100, 50).await;
    let second = RecordingHandler::on_the_database_of(&first);
    let poller = stage.poll(&second);
    let status = until(&poller, |s| s.records == 50).await;
    assert_eq!(status.lost, []);
    poller.stop().await;
    let offsets: Vec<i64> = second.records().iter().map(offset).collect();
    assert_eq!(offsets, (100..150).collect::<Vec<_>>());
    assert_eq!(value(&second.records()[0]), b"value 100");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_in_the_middle_finishes_and_commits_the_batch_in_flight_only() {
    let stage = Stage::new(1);
    stage.produce(0, 0, 30).await;
    let (handler, poller) = stage.blocked(10).await;
    assert_eq!(stage.committed(0).await, None, "committed before success");
    let stopping = tokio::spawn(poller.stop());
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!stopping.is_finished(), "the batch in flight is waited for");
    handler.set_open(true);
    let status = stopping.await.expect("stopped");
    assert_eq!(status.records, 10);
    assert_eq!(handler.events().len(), 1);
    assert_eq!(stage.committed(0).await, Some(10));

    let rest = RecordingHandler::on_the_database_of(&handler);
    let poller = stage.poll(&rest);
    until(&poller, |s| s.records == 20).await;
    poller.stop().await;
    assert_eq!(offset(&rest.records()[0]), 10);
}

/// Waits until the group has settled. The worker that joins first has all partitions until the
/// other one joins.
async fn until_settled(poller: &PollerHandle, partitions: usize) {
    let mut at_rest = 0;
    while at_rest < 40 {
        until(poller, |s| s.partitions_assigned == partitions).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        at_rest = if poller.status().partitions_assigned == partitions { at_rest + 1 } else { 0 };
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_share_the_partitions_and_each_record_comes_once() {
    let stage = Stage::new(16);
    let handler = RecordingHandler::content();
    let mut config = stage.config();
    config.workers = 2;
    let poller = start(&config, &handler);
    until_settled(&poller, 16).await;
    for partition in 0..16 {
        stage.produce(partition, 0, 200).await;
    }
    let status = until(&poller, |s| s.records >= 3_200).await;
    assert_eq!(status.partitions_assigned, 16);
    assert_eq!(status.connected, Some(true));
    poller.stop().await;
    let mut seen = BTreeMap::<i64, Vec<i64>>::new();
    for record in handler.records() {
        let partition = record["partition"].as_i64().expect("a partition");
        seen.entry(partition).or_default().push(offset(&record));
    }
    assert_eq!(seen.len(), 16);
    for offsets in seen.values() {
        assert_eq!(*offsets, (0..200).collect::<Vec<_>>(), "in order and once");
    }
    // No event has partitions of both workers.
    let groups: BTreeSet<BTreeSet<i64>> = handler
        .events()
        .iter()
        .map(|event| {
            let records = crate::stage::records(event);
            let parts = records.iter().map(|r| r["partition"].as_i64());
            parts.map(|p| p.expect("a partition") % 2).collect()
        })
        .collect();
    assert!(groups.iter().all(|group| group.len() == 1), "{groups:?}");
}

/// The assignor `range` would give every topic that has one partition to the same worker.
#[tokio::test(flavor = "multi_thread")]
async fn two_workers_share_topics_that_have_one_partition() {
    let stage = Stage::new(1);
    let topics: Vec<String> = (0..4).map(|number| format!("single-{number}")).collect();
    for topic in &topics {
        stage.broker.create_topic(topic).expect("a topic");
    }
    let handler = RecordingHandler::content();
    handler.set_open(false);
    let config = PollerConfig { topics: topics.clone(), workers: 2, ..stage.config() };
    let poller = start(&config, &handler);
    until_settled(&poller, 4).await;
    let records = topics.into_iter().map(|topic| OutgoingRecord {
        topic,
        partition: Some(0),
        value: Some(b"{}".to_vec()),
        ..OutgoingRecord::default()
    });
    stage.producer.publish_all(records).await.expect("published");
    // A worker calls the handler for one batch at a time, and the handler does not answer.
    until(&poller, |_| handler.events().len() == 2).await;
    handler.set_open(true);
    until(&poller, |s| s.records == 4).await;
    poller.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_goes_away_does_not_hold_up_the_stop() {
    let stage = Stage::new(1);
    stage.produce(0, 0, 5).await;
    let handler = RecordingHandler::content();
    let mut config = stage.config();
    config.properties.extend(connects_once());
    let poller = start(&config, &handler);
    until(&poller, |s| s.records == 5).await;
    drop(stage);
    until(&poller, |s| s.connected == Some(false)).await;
    let started = Instant::now();
    poller.stop().await;
    assert!(started.elapsed() < CLOSE_LIMIT, "{started:?}");
}

/// The attributes of a batch that is transactional and has a marker.
const MARKER: i16 = 0b11_0000;

/// The commit of a transaction. Source: the control batch of <https://kafka.apache.org/protocol>.
const COMMITTED: [u8; 17] = [
    32, // The length; this and the numbers below are doubled.
    0, 0, 0, // attributes, time, offset
    8, 0, 0, 0, 1, // the key: version 0, commit
    12, 0, 0, 0, 0, 0, 0, // the value: version 0, epoch 0
    0, // no headers
];

/// No record follows the marker, so only the consumer's position tells that it was read.
#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_marker_at_the_end_is_settled_and_committed() {
    let stage = Stage::new(1);
    stage.produce(0, 0, 3).await;
    stage.produce_raw(0, MARKER, &COMMITTED).await;
    let handler = RecordingHandler::content();
    let poller = stage.poll(&handler);
    until(&poller, |s| has_committed(s, 4)).await;
    let status = poller.stop().await;
    assert_eq!(status.records, 3);
    assert_eq!(status.lost, []);
    assert_eq!(stage.committed(0).await, Some(4));
    let stored = handler.stored.lock().expect("no test panics with it").clone();
    assert!(stored.values().all(|position| position.next_offset == 4), "{stored:?}");
}
