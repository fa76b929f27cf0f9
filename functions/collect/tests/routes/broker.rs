//! A mock broker in this process, and its records.
#![allow(dead_code, reason = "each test program uses its part")]

use std::{
    collections::BTreeMap,
    sync::mpsc,
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    message::Headers,
    mocking::MockCluster,
    types::{RDKafkaApiKey, RDKafkaRespErr},
};

/// The longest time for one step on a busy machine.
const LIMIT: Duration = Duration::from_mins(1);

/// A mock broker with one partition per topic. It stops on drop.
pub(crate) struct Broker {
    pub(crate) address: String,
    stop: Option<mpsc::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Broker {
    pub(crate) fn start() -> Self {
        Self::answering(&[])
    }

    /// Starts a broker that answers the first batches with these errors.
    pub(crate) fn answering(errors: &[RDKafkaRespErr]) -> Self {
        let errors = errors.to_vec();
        let (tell, told) = mpsc::channel();
        let (stop, stopped) = mpsc::channel();
        // The mock cluster cannot move to another thread.
        let thread = std::thread::spawn(move || {
            let cluster = MockCluster::new(1).expect("a broker");
            for topic in ["readings", "orders", "build_events", "cdevents"] {
                cluster.create_topic(topic, 1, 1).expect("a topic");
            }
            cluster.request_errors(RDKafkaApiKey::Produce, &errors);
            tell.send(cluster.bootstrap_servers()).expect("heard");
            let _ = stopped.recv();
        });
        Self { address: told.recv().expect("it starts"), stop: Some(stop), thread: Some(thread) }
    }

    /// Returns every record of a topic, in order.
    pub(crate) fn stored(&self, topic: &str) -> Vec<Stored> {
        let config = ClientConfig::new()
            .set("bootstrap.servers", &self.address)
            .set("group.id", "test")
            .set("enable.auto.commit", "false")
            .set("fetch.wait.max.ms", "20")
            .clone();
        let consumer: BaseConsumer = config.create().expect("a consumer");
        let (low, high) = consumer.fetch_watermarks(topic, 0, LIMIT).expect("watermarks");
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, 0, Offset::Offset(low)).expect("a partition");
        consumer.assign(&list).expect("assigned");
        let (mut all, begun) = (Vec::new(), Instant::now());
        while i64::try_from(all.len()).expect("few") < high - low {
            assert!(begun.elapsed() < LIMIT, "{} of {} came", all.len(), high - low);
            let Some(message) = consumer.poll(Duration::from_millis(100)) else { continue };
            let message = message.expect("a record");
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let headers = message.headers().into_iter().flat_map(Headers::iter);
            all.push(Stored {
                key: message.key().map(text),
                value: message.payload().map(text).unwrap_or_default(),
                bytes: message.payload().map(<[u8]>::to_vec).unwrap_or_default(),
                timestamp_ms: message.timestamp().to_millis(),
                headers: headers
                    .map(|header| {
                        (header.key.to_owned(), header.value.map(text).unwrap_or_default())
                    })
                    .collect(),
            });
        }
        all
    }

    pub(crate) fn values(&self, topic: &str) -> Vec<String> {
        self.stored(topic).into_iter().map(|stored| stored.value).collect()
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A record in the broker.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) key: Option<String>,
    pub(crate) value: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) timestamp_ms: Option<i64>,
    pub(crate) headers: BTreeMap<String, String>,
}
