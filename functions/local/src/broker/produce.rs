//! A small producer: every record acknowledged by all replicas, none doubled by a retry.

use std::{collections::BTreeMap, time::Duration};

use futures_util::future::try_join_all;
use rdkafka::{
    message::{Header, OwnedHeaders},
    producer::{FutureProducer, FutureRecord, Producer as _},
    util::Timeout,
};

use super::{
    BrokerError, TopicPartition,
    backlog::Backlog,
    client::{QuietContext, client_config},
};

/// What [`Producer::publish_all`] sends before it looks at the deliveries, in bytes.
const CHUNK_BYTES_MAX: usize = 256 * 1024;

/// The same in records.
const CHUNK_RECORDS_MAX: usize = 2_000;

/// How often [`Producer::publish_all`] asks how far the group is, while it waits.
const BACKLOG_ASK_EVERY: Duration = Duration::from_millis(20);

/// How long a producer that ends waits for records on their way.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(5);

const DEFAULTS: &[(&str, &str)] = &[
    ("acks", "all"),
    ("enable.idempotence", "true"),
    ("linger.ms", "5"),
    // Above what Lambda can carry, so that the broker's own limit is the one that counts.
    ("message.max.bytes", "8000000"),
    ("message.timeout.ms", "30000"),
];

/// One record to produce.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record {
    /// The topic's name.
    pub topic: String,
    /// The partition; `None` lets the key (or chance) choose.
    pub partition: Option<i32>,
    /// The key's bytes, if it has one.
    pub key: Option<Vec<u8>>,
    /// The value's bytes; `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    /// Headers in order; a value may be null.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    /// Milliseconds since 1970; `None` takes the clock of the client, and so does 0: librdkafka cannot send it.
    pub timestamp_ms: Option<i64>,
}

/// Where the broker put a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivered {
    /// The partition's number.
    pub partition: i32,
    /// The record's offset.
    pub offset: i64,
}

/// Writes records to a broker.
#[derive(Clone)]
pub struct Producer {
    inner: FutureProducer<QuietContext>,
}

impl Producer {
    /// A producer for `bootstrap` (`host:port`, several with commas) with extra librdkafka `properties`.
    ///
    /// Nothing is sent yet; fails only for properties that librdkafka refuses.
    pub fn new(bootstrap: &str, properties: &BTreeMap<String, String>) -> Result<Self, BrokerError> {
        let inner = client_config(bootstrap, properties, DEFAULTS).create_with_context(QuietContext).map_err(BrokerError::Client)?;
        Ok(Self { inner })
    }

    /// Sends one record and waits until the broker has acknowledged it.
    pub async fn send(&self, record: &Record) -> Result<Delivered, BrokerError> {
        let mut message = FutureRecord::<[u8], [u8]>::to(&record.topic);
        message.partition = record.partition;
        message.key = record.key.as_deref();
        message.payload = record.value.as_deref();
        message.timestamp = record.timestamp_ms;
        message.headers = (!record.headers.is_empty()).then(|| headers(&record.headers));
        // A full local queue empties as the broker answers, and its own timeout ends the wait.
        match self.inner.send(message, Timeout::Never).await {
            Ok(delivery) => Ok(Delivered { partition: delivery.partition, offset: delivery.offset }),
            Err((error, _)) => Err(BrokerError::Delivery { topic: record.topic.clone(), reason: error.to_string() }),
        }
    }

    /// Sends all `records` in order and waits for the broker's word on each; returns how many there were.
    ///
    /// `committed` says, for each partition, the next offset that the reading group wants (as
    /// `PollerStatus::committed` does). It is asked only when about 4 MB of a partition are unread, and publishing
    /// goes on when the group has caught up: the embedded broker drops the oldest beyond 5 MB. For a real broker
    /// answer with `i64::MAX`, or send one by one.
    pub async fn publish_all(
        &self,
        records: impl IntoIterator<Item = Record>,
        committed: impl AsyncFn() -> BTreeMap<TopicPartition, i64>,
    ) -> Result<u64, BrokerError> {
        let mut backlog = Backlog::default();
        let mut published = 0;
        let mut records = records.into_iter().peekable();
        while records.peek().is_some() {
            let chunk = take_chunk(&mut records);
            while backlog.is_full() {
                backlog.forget_read(&committed().await);
                if backlog.is_full() {
                    tokio::time::sleep(BACKLOG_ASK_EVERY).await;
                }
            }
            let delivered = try_join_all(chunk.iter().map(|record| self.send(record))).await?;
            for (record, at) in chunk.iter().zip(delivered) {
                backlog.add(TopicPartition::new(&record.topic, at.partition), at.offset, size(record));
                published += 1;
            }
        }
        Ok(published)
    }

    /// Waits for records on their way, at most a few seconds.
    pub async fn flush(&self) {
        let inner = self.inner.clone();
        let _ = tokio::task::spawn_blocking(move || inner.flush(FLUSH_TIMEOUT)).await;
    }
}

fn take_chunk(records: &mut impl Iterator<Item = Record>) -> Vec<Record> {
    let mut chunk = Vec::new();
    let mut bytes = 0;
    for record in records {
        bytes += size(&record);
        chunk.push(record);
        if bytes >= CHUNK_BYTES_MAX || chunk.len() >= CHUNK_RECORDS_MAX {
            break;
        }
    }
    chunk
}

/// Bytes that the record takes in the broker, with a generous share for the frame around it.
fn size(record: &Record) -> usize {
    const FRAME_BYTES: usize = 100;
    let headers: usize = record.headers.iter().map(|(name, value)| name.len() + value.as_ref().map_or(0, Vec::len) + 10).sum();
    FRAME_BYTES + headers + record.key.as_ref().map_or(0, Vec::len) + record.value.as_ref().map_or(0, Vec::len)
}

fn headers(headers: &[(String, Option<Vec<u8>>)]) -> OwnedHeaders {
    let empty = OwnedHeaders::new_with_capacity(headers.len());
    headers.iter().fold(empty, |all, (name, value)| all.insert(Header { key: name, value: value.as_ref() }))
}
