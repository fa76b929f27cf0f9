//! Tests of the embedded broker with its clients.

use std::{
    collections::BTreeMap,
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering::SeqCst},
    },
    time::Duration,
};

use futures_util::FutureExt;

use crate::{
    Backpressure, BrokerError, EmbeddedBroker, OutgoingRecord, PARTITIONS_DEFAULT, Producer,
    TopicPartition, committed, watermarks,
};

const TIMEOUT: Duration = Duration::from_secs(10);

fn record(topic: &str, partition: i32, value: &[u8]) -> OutgoingRecord {
    OutgoingRecord {
        topic: topic.into(),
        partition: Some(partition),
        value: Some(value.to_vec()),
        ..OutgoingRecord::default()
    }
}

#[tokio::test]
async fn topics_are_made_ahead_and_offsets_are_told() {
    let topics = vec!["a".to_owned(), "b".to_owned()];
    let broker = EmbeddedBroker::start(0, &topics, PARTITIONS_DEFAULT).expect("start");
    let none = BTreeMap::new();
    let producer = Producer::new(broker.bootstrap(), &none).expect("producer");
    for offset in 0..3 {
        let at = producer.send_one(&record("b", 7, b"x")).await.expect("delivered");
        assert_eq!((at.partition, at.offset), (7, offset));
    }
    // This address goes through the proxy, as for another program.
    let outside = format!("localhost:{}", broker.port());
    let found = watermarks(&outside, &none, &topics, TIMEOUT).await.expect("watermarks");
    assert_eq!((found.partitions.len(), found.absent.len()), (32, 0));
    let b7 = found.partitions.iter().find(|p| p.topic == "b" && p.partition == 7).expect("b-7");
    assert_eq!((b7.low, b7.high), (0, 3));
    let group = committed(&outside, &none, "unused", &topics, TIMEOUT).await.expect("committed");
    assert!(group.len() == 32 && group.iter().all(|p| p.next.is_none()));
    let some = ["nope".to_owned(), "b".to_owned()];
    let found =
        watermarks(&outside, &none, &some, TIMEOUT).await.expect("watermarks of those there are");
    assert_eq!((found.partitions.len(), found.absent), (16, vec!["nope".to_owned()]));
    let unknown = committed(&outside, &none, "unused", &some, TIMEOUT).await;
    assert!(matches!(unknown, Err(BrokerError::UnknownTopic(..))));
    broker.stop().await;
}

#[tokio::test]
async fn a_taken_port_is_named_and_a_stopped_broker_frees_its_own() {
    let port = weir_testkit::free_port().expect("a port");
    let squatter = TcpListener::bind(("127.0.0.1", port)).expect("bind");
    let Err(error) = EmbeddedBroker::start(port, &[], 1) else {
        panic!("the port was taken");
    };
    assert_eq!(
        error.to_string(),
        format!(
            "port {port} is already in use: stop the program that listens on it, or choose another port with --kafka-port"
        )
    );
    drop(squatter);
    let broker = EmbeddedBroker::start(port, &[], 1).expect("free again");
    broker.stop().await;
    let again = EmbeddedBroker::start(port, &[], 1).expect("freed by stop");
    again.stop().await;
}

#[tokio::test]
async fn publishing_waits_for_the_reader_before_the_broker_drops_anything() {
    let broker = EmbeddedBroker::start(0, &["t".to_owned()], 2).expect("start");
    let none = BTreeMap::new();
    let bootstrap = broker.bootstrap().to_owned();
    let read = Arc::new(AtomicI64::new(0));
    let read_so_far = Arc::clone(&read);
    let read_all = move || {
        let (bootstrap, read) = (bootstrap.clone(), Arc::clone(&read_so_far));
        async move {
            let topics = ["t".to_owned()];
            let found = watermarks(&bootstrap, &BTreeMap::new(), &topics, TIMEOUT).await;
            let found = found.expect("watermarks").partitions.swap_remove(1);
            assert!(found.low <= read.swap(found.high, SeqCst), "dropped before it was read");
            BTreeMap::from([(TopicPartition::new("t", 1), found.high)])
        }
        .boxed()
    };
    let producer =
        Producer::with_backpressure(broker.bootstrap(), &none, Backpressure::new(read_all))
            .expect("producer");
    let records = (0..10_000).map(|_| record("t", 1, &[7; 1_000]));
    let published = producer.publish_all(records).await.expect("published");
    assert!(read.load(SeqCst) >= 5_000, "it waited {}", read.load(SeqCst));
    assert_eq!(published, 10_000);
    broker.stop().await;
}
