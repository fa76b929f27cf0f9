//! A broker, a producer and a handler whose answers the test decides.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use base64_simd::STANDARD;
use bytes::Bytes;
use rdkafka::{mocking::MockCluster, producer::DefaultProducerContext};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::{Mutex as AsyncMutex, watch},
};
use weir::poller::{
    Invoke, InvokeError, Poller, PollerConfig, PollerHandle, PollerStatus, StoredPositions,
};
use weir_kafka::{EmbeddedBroker, OutgoingRecord, Producer, TopicPartition};
use weir_store::{
    OpenedGap, ReadRange,
    positions::{Assigned, StoredPosition},
};
use weir_testkit::PATIENCE;

pub(crate) const TOPIC: &str = "t";
pub(crate) const GROUP: &str = "weir";

type Rule = Box<dyn Fn(&[Value]) -> Result<(), InvokeError> + Send + Sync>;

/// A handler that records every event. It answers by its rule while its gate is open.
pub(crate) struct RecordingHandler {
    pub events: Mutex<Vec<Bytes>>,
    rule: AsyncMutex<Rule>,
    gate: watch::Sender<bool>,
    /// The next offset of each partition, as the database would store it.
    pub stored: Mutex<BTreeMap<TopicPartition, StoredPosition>>,
    /// Whether the stored positions cannot be read.
    pub is_away: AtomicBool,
}

impl RecordingHandler {
    pub(crate) fn new(
        rule: impl Fn(&[Value]) -> Result<(), InvokeError> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            events: Mutex::default(),
            rule: AsyncMutex::new(Box::new(rule)),
            gate: watch::Sender::new(true),
            stored: Mutex::default(),
            is_away: AtomicBool::new(false),
        })
    }

    pub(crate) fn content() -> Arc<Self> {
        Self::new(|_| Ok(()))
    }

    /// Creates another handler with the same stored positions.
    pub(crate) fn on_the_database_of(other: &Self) -> Arc<Self> {
        let handler = Self::content();
        handler
            .stored
            .lock()
            .expect("no test panics with it")
            .clone_from(&other.stored.lock().expect("no test panics with it"));
        handler
    }

    /// Sets the stored positions back, as a database does that was restored to an earlier state.
    pub(crate) fn put_back(&self, next_offset: i64) {
        for position in self.stored.lock().expect("no test panics with it").values_mut() {
            *position = StoredPosition { next_offset, ..StoredPosition::default() };
        }
    }

    pub(crate) async fn answer(
        &self,
        rule: impl Fn(&[Value]) -> Result<(), InvokeError> + Send + Sync + 'static,
    ) {
        *self.rule.lock().await = Box::new(rule);
    }

    pub(crate) fn set_open(&self, open: bool) {
        self.gate.send_replace(open);
    }

    pub(crate) fn events(&self) -> Vec<Bytes> {
        self.events.lock().expect("no test panics with it").clone()
    }

    /// Returns every record in the order of arrival.
    pub(crate) fn records(&self) -> Vec<Value> {
        self.events().iter().flat_map(|event| records(event)).collect()
    }
}

#[async_trait]
impl Invoke for RecordingHandler {
    async fn invoke(
        &self,
        event: Bytes,
        read: &[ReadRange],
        _: Duration,
    ) -> Result<Vec<OpenedGap>, InvokeError> {
        self.events.lock().expect("no test panics with it").push(event.clone());
        let mut gate = self.gate.subscribe();
        gate.wait_for(|open| *open).await.map_err(InvokeError::new)?;
        self.rule.lock().await(&records(&event))?;
        let mut stored = self.stored.lock().expect("no test panics with it");
        let mut gaps = Vec::new();
        for range in read {
            let position =
                stored.entry(TopicPartition::new(&range.topic, range.partition)).or_default();
            let first = position.next_offset;
            if first < range.first {
                gaps.push(OpenedGap {
                    topic: range.topic.clone(),
                    partition: range.partition,
                    first,
                    end: range.first,
                });
                position.first_gap = Some(first);
            }
            position.first_gap =
                position.first_gap.filter(|gap| !(range.first..range.end).contains(gap));
            position.next_offset = first.max(range.end);
        }
        Ok(gaps)
    }
}

#[async_trait]
impl StoredPositions for RecordingHandler {
    async fn assign(&self, partitions: Vec<Assigned>) -> Result<Vec<StoredPosition>, InvokeError> {
        if self.is_away.load(Ordering::SeqCst) {
            return Err(InvokeError::new("away"));
        }
        let mut stored = self.stored.lock().expect("no test panics with it");
        let begun = |begin_offset| StoredPosition {
            next_offset: begin_offset,
            begin_offset,
            first_gap: None,
        };
        Ok(partitions
            .iter()
            .map(|p| {
                *stored.entry(TopicPartition::new(&p.topic, p.partition)).or_insert(begun(p.begin))
            })
            .collect())
    }

    async fn next_offsets(
        &self,
        partitions: Vec<TopicPartition>,
    ) -> Result<Vec<Option<i64>>, InvokeError> {
        let stored = self.stored.lock().expect("no test panics with it");
        Ok(partitions.iter().map(|at| stored.get(at).map(StoredPosition::wanted)).collect())
    }
}

/// Returns the records of one event, in the event's order.
pub(crate) fn records(event: &[u8]) -> Vec<Value> {
    let event: Value = serde_json::from_slice(event).expect("an event is json");
    let lists = event["records"].as_object().expect("a map").values();
    lists.flat_map(|list| list.as_array().expect("a list").clone()).collect()
}

/// Returns the decoded value of a record.
pub(crate) fn value(record: &Value) -> Vec<u8> {
    let text = record["value"].as_str().expect("a value");
    STANDARD.decode_to_vec(text).expect("base64")
}

pub(crate) fn offset(record: &Value) -> i64 {
    record["offset"].as_i64().expect("an offset")
}

/// The broker, a producer and its address.
pub(crate) struct Stage<B = EmbeddedBroker> {
    pub broker: B,
    pub producer: Producer,
    bootstrap: String,
}

impl Stage {
    pub(crate) fn new(partitions: i32) -> Self {
        let broker = EmbeddedBroker::start(0, &[TOPIC.to_owned()], partitions).expect("a broker");
        let bootstrap = broker.bootstrap().to_owned();
        Self::over(broker, bootstrap)
    }
}

impl Stage {
    /// Produces a batch of one record with these attributes and bytes, which may be unreadable.
    /// Source: Produce, version 3, and the record batch of <https://kafka.apache.org/protocol>.
    pub(crate) async fn produce_raw(&self, partition: i32, attributes: i16, record: &[u8]) {
        let mut batch = Vec::new();
        batch.extend((-1_i32).to_be_bytes()); // leader epoch
        batch.extend([2, 0, 0, 0, 0]); // version 2; a checksum that is not checked
        batch.extend(attributes.to_be_bytes());
        batch.extend(0_i32.to_be_bytes()); // the last offset, from the first
        batch.extend([1_i64.to_be_bytes(), 1_i64.to_be_bytes(), (-1_i64).to_be_bytes()].concat()); // times, producer
        batch.extend(
            [&(-1_i16).to_be_bytes()[..], &(-1_i32).to_be_bytes(), &1_i32.to_be_bytes(), record]
                .concat(),
        );
        let length = |bytes: &[u8]| i32::try_from(bytes.len()).expect("short").to_be_bytes();
        let records = [&0_i64.to_be_bytes()[..], &length(&batch), &batch].concat();
        let topic = [&1_i16.to_be_bytes()[..], TOPIC.as_bytes()].concat();
        let body = [
            &[0, 0, 0, 3, 0, 0, 0, 9, 0xff, 0xff][..], // Produce, version 3, number 9, no client
            &[0xff, 0xff, 0, 1, 0, 0, 0x27, 0x10, 0, 0, 0, 1], // no transaction, the leader alone, 10 s, one topic
            &topic,
            &[0, 0, 0, 1],
            &partition.to_be_bytes(),
            &length(&records),
            &records,
        ]
        .concat();
        let mut broker = TcpStream::connect(self.broker.bootstrap()).await.expect("connects");
        broker.write_all(&[&length(&body)[..], &body].concat()).await.expect("sent");
        let answer = usize::try_from(broker.read_u32().await.expect("an answer")).expect("short");
        broker.read_exact(&mut vec![0; answer]).await.expect("an answer");
    }
}

impl Stage<MockCluster<'static, DefaultProducerContext>> {
    /// Creates a stage with one partition and a broker whose answers the test can delay.
    pub(crate) fn slow() -> Self {
        let broker = MockCluster::new(1).expect("a broker");
        broker.create_topic(TOPIC, 1, 1).expect("a topic");
        let bootstrap = broker.bootstrap_servers();
        Self::over(broker, bootstrap)
    }

    /// Delays every answer by this time.
    pub(crate) fn answers_after(&self, time: Duration) {
        self.broker.broker_round_trip_time(1, time).expect("told");
    }
}

impl<B> Stage<B> {
    fn over(broker: B, bootstrap: String) -> Self {
        let producer = Producer::new(&bootstrap, &BTreeMap::new()).expect("a producer");
        Self { broker, producer, bootstrap }
    }

    pub(crate) fn config(&self) -> PollerConfig {
        PollerConfig {
            workers: 1,
            properties: EmbeddedBroker::consumer_properties(),
            ..PollerConfig::new(&self.bootstrap, GROUP, &[TOPIC.to_owned()])
        }
    }

    pub(crate) fn poll(&self, handler: &Arc<RecordingHandler>) -> PollerHandle {
        start(&self.config(), handler)
    }

    /// Starts a poller with batches of `records_max`, whose handler blocks on the first one.
    pub(crate) async fn blocked(
        &self,
        records_max: usize,
    ) -> (Arc<RecordingHandler>, PollerHandle) {
        let handler = RecordingHandler::content();
        handler.set_open(false);
        let poller = start(&PollerConfig { records_max, ..self.config() }, &handler);
        until(&poller, |_| !handler.events().is_empty()).await;
        (handler, poller)
    }

    /// Sends `count` values to the partition at once, numbered from `first`.
    pub(crate) async fn produce(&self, partition: i32, first: usize, count: usize) {
        let records = (first..first + count).map(|number| OutgoingRecord {
            topic: TOPIC.into(),
            partition: Some(partition),
            value: Some(format!("value {number}").into_bytes()),
            ..OutgoingRecord::default()
        });
        self.producer.publish_all(records).await.expect("published");
    }

    /// Sends `count` records of `bytes` each, one after another.
    pub(crate) async fn flood(&self, partition: i32, count: usize, bytes: usize) {
        for _ in 0..count {
            let record = OutgoingRecord {
                topic: TOPIC.into(),
                partition: Some(partition),
                value: Some(vec![b'x'; bytes]),
                ..OutgoingRecord::default()
            };
            self.producer.send_one(&record).await.expect("delivered");
        }
    }

    /// Returns the group's committed offset of a partition.
    pub(crate) async fn committed(&self, partition: i32) -> Option<i64> {
        let topics = [TOPIC.to_owned()];
        let all =
            weir_kafka::committed(&self.bootstrap, &BTreeMap::new(), GROUP, &topics, PATIENCE)
                .await;
        let all = all.expect("committed offsets");
        all.iter().find(|p| p.partition == partition).and_then(|p| p.next)
    }
}

pub(crate) fn start(config: &PollerConfig, handler: &Arc<RecordingHandler>) -> PollerHandle {
    let stored: Arc<dyn StoredPositions> = Arc::clone(handler) as _;
    let handler: Arc<dyn Invoke> = Arc::clone(handler) as _;
    Poller::start(config, &handler, &stored).expect("a poller")
}

/// Returns whether the only partition is committed up to `next`. The records are counted before the
/// commit.
pub(crate) fn has_committed(status: &PollerStatus, next: i64) -> bool {
    status.committed.values().eq([&next])
}

/// Waits until the status is as wanted, and returns it.
pub(crate) async fn until(
    poller: &PollerHandle,
    wanted: impl Fn(&PollerStatus) -> bool,
) -> PollerStatus {
    let started = Instant::now();
    loop {
        let status = poller.status();
        if wanted(&status) {
            return status;
        }
        assert!(started.elapsed() < PATIENCE, "it never came: {status:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
