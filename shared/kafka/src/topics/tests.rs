//! Tests of the descriptions of topics, with brokers that are old, away or reject the client.

use std::{
    collections::BTreeMap, io::Read, net::TcpListener, sync::atomic::Ordering::SeqCst, thread,
};

use weir_testkit::{counted_broker, old_broker};

use super::{TopicLookup, TopicState, create_missing, epoch_ends, identify};
use crate::{BrokerError, EmbeddedBroker, TopicPartition};

/// Closes each connection after the first bytes.
fn silent_broker() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    let address = listener.local_addr().expect("address").to_string();
    thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let _ = client.read_exact(&mut [0; 12]);
        }
    });
    address
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[tokio::test]
async fn the_embedded_broker_tells_ids_and_an_old_broker_does_not() {
    let broker = EmbeddedBroker::start(0, &names(&["orders"]), 2).expect("start");
    let none = BTreeMap::new();
    let asked = names(&["orders", "absent"]);
    let found = identify(broker.bootstrap(), &none, &asked).await.expect("described");
    let states: Vec<_> = found.iter().map(|topic| topic.state.clone()).collect();
    assert_eq!(states, [TopicState::There, TopicState::Absent]);
    assert!(found[0].id.is_some() && found[0].leaders.len() == 2, "{found:?}");

    let old = old_broker(broker.bootstrap().to_owned(), 11).expect("a proxy");
    let found = identify(&old, &none, &asked).await.expect("described by librdkafka");
    let states: Vec<_> = found.iter().map(|topic| topic.state.clone()).collect();
    assert_eq!(states, [TopicState::There, TopicState::Absent]);
    assert!(found[0].id.is_none() && found[0].leaders.is_empty(), "{found:?}");
    let orders = TopicPartition::new("orders", 0);
    let ends = epoch_ends(&old, &none, vec![(orders, 0)]).await.expect("answered");
    assert!(ends[0].as_ref().is_err_and(|why| why.contains("leader epochs")), "{ends:?}");
    broker.stop().await;
}

/// A lookup at an old broker keeps the client of librdkafka too.
#[tokio::test]
async fn a_lookup_keeps_its_connections() {
    let broker = EmbeddedBroker::start(0, &names(&["orders"]), 1).expect("start");
    let target = broker.bootstrap().to_owned();
    for broker in [target.clone(), old_broker(target, 11).expect("a proxy")] {
        let (address, connections) = counted_broker(broker).expect("a proxy");
        let mut lookup = TopicLookup::new(&address, &BTreeMap::new());
        let mut opened = Vec::new();
        for _ in 0..4 {
            let found = lookup.identify(&names(&["orders"])).await.expect("described");
            assert_eq!(found[0].state, TopicState::There);
            opened.push(connections.load(SeqCst));
        }
        assert!(opened[0] > 0 && opened[3] == opened[0], "{opened:?}");
    }
    broker.stop().await;
}

#[tokio::test]
async fn a_broker_that_does_not_answer_is_an_error_and_not_an_old_broker() {
    let closed = format!("127.0.0.1:{}", weir_testkit::free_port().expect("a port"));
    let silent = silent_broker();
    for (address, reason) in
        [(&closed, "Connection refused"), (&silent, "does security.protocol fit the port?")]
    {
        let Err(BrokerError::Unreachable(why)) =
            identify(address, &BTreeMap::new(), &names(&["orders"])).await
        else {
            panic!("{address}: not an error")
        };
        assert!(why.starts_with(&format!("{address}: ")) && why.contains(reason), "{why}");
    }
}

#[tokio::test]
async fn a_password_is_in_no_error() {
    let properties: BTreeMap<String, String> = [
        ("security.protocol", "SASL_PLAINTEXT"),
        ("sasl.mechanism", "PLAIN"),
        ("sasl.username", "weir"),
        ("sasl.password", "hunter2"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    let broker = EmbeddedBroker::start(0, &names(&["orders"]), 1).expect("start");
    // The embedded broker has no SASL and closes the connection.
    let asked = names(&["orders"]);
    let described = identify(broker.bootstrap(), &properties, &asked).await.unwrap_err();
    let made = create_missing(broker.bootstrap(), &properties, &asked, 1).await.unwrap_err();
    for error in [described.to_string(), format!("{made:#}")] {
        assert!(error.contains(broker.bootstrap()) && !error.contains("hunter2"), "{error}");
    }
    broker.stop().await;
}
