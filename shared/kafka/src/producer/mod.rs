//! The producer. Its memory is bounded, all replicas acknowledge every record, and a retry does not
//! duplicate a record.

mod context;
mod settings;

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock, atomic::Ordering::SeqCst},
    time::Duration,
};

use rdkafka::{
    ClientConfig,
    error::{KafkaError, RDKafkaErrorCode},
    message::{Header, OwnedHeaders},
    producer::{BaseRecord, Producer as _, ThreadedProducer},
};

use self::context::Context;
pub use self::settings::settings;
use crate::{Backpressure, BrokerError, Message, OutgoingRecord, Receipt, Tokens};

/// The most bytes in flight to a broker. This is enough for a few batches to the leader of each
/// partition.
const IN_FLIGHT_BYTES_MAX: usize = 6 * 1024 * 1024;
/// The same limit for the embedded broker. It is small because these records still arrive after
/// backpressure has stopped the senders.
const IN_FLIGHT_BYTES_MAX_EMBEDDED: usize = 256 * 1024;
/// The longest wait of [`Producer::flush`] for records in flight.
const FLUSH_LIMIT: Duration = Duration::from_secs(5);
/// The pause before a retry when librdkafka's own queue is full.
const FULL_PAUSE: Duration = Duration::from_millis(5);

/// The reason why a record was not delivered to Kafka, or why the producer cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ProduceError {
    /// A Kafka client could not be created, usually because of an unknown property.
    #[error("cannot create the Kafka client: {0}; check the Kafka properties")]
    Client(#[source] KafkaError),
    /// The properties for TLS or SASL are not valid.
    #[error(transparent)]
    Security(#[from] BrokerError),
    /// The broker did not accept a record.
    #[error("a record for topic {topic} was not delivered to Kafka at {brokers}: {reason}")]
    Delivery {
        /// The addresses of the brokers, `host:port`, several with commas.
        brokers: String,
        /// The topic of the record.
        topic: String,
        /// The error of the client library.
        reason: String,
    },
}

/// The coordinates of a delivered record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivered {
    /// The partition's number.
    pub partition: i32,
    /// The record's offset.
    pub offset: i64,
}

/// The reason why `send` did not accept a record.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The limit of bytes in flight is reached: wait for [`Producer::room`].
    #[error("the producer's queue is full")]
    Full,
    /// The record is larger than Kafka's limit.
    #[error("the record is larger than Kafka accepts")]
    TooLarge,
    /// The client library cannot send the record.
    #[error("{0}")]
    Failed(String),
}

/// Writes records to a broker. All replicas acknowledge each record, and a retry does not duplicate
/// it.
pub struct Producer {
    config: ClientConfig,
    client: RwLock<Arc<Client>>,
    /// The state that is kept when a client is replaced.
    context: Context,
}

type Client = ThreadedProducer<Context>;

impl Producer {
    /// Creates a producer for `bootstrap` (`host:port`, several with commas) with extra librdkafka
    /// `properties`.
    ///
    /// It does not connect yet. Fails only for properties that librdkafka refuses.
    pub fn new(
        bootstrap: &str,
        properties: &BTreeMap<String, String>,
    ) -> Result<Self, ProduceError> {
        Self::build(bootstrap, properties, None)
    }

    /// Creates a producer for the embedded broker. Senders wait for the consumer, because the
    /// broker drops records that are not read in time.
    pub fn with_backpressure(
        bootstrap: &str,
        properties: &BTreeMap<String, String>,
        backpressure: Backpressure,
    ) -> Result<Self, ProduceError> {
        Self::build(bootstrap, properties, Some(Arc::new(backpressure)))
    }

    fn build(
        bootstrap: &str,
        properties: &BTreeMap<String, String>,
        backpressure: Option<Arc<Backpressure>>,
    ) -> Result<Self, ProduceError> {
        let config = settings(bootstrap, properties);
        let in_flight_bytes_max =
            if backpressure.is_some() { IN_FLIGHT_BYTES_MAX_EMBEDDED } else { IN_FLIGHT_BYTES_MAX };
        let tokens = Tokens::of(properties)?;
        let context = Context { flow: Arc::default(), backpressure, tokens, in_flight_bytes_max };
        let client = RwLock::new(Arc::new(open(&config, &context)?));
        Ok(Self { config, client, context })
    }

    /// Returns the addresses of the brokers, `host:port`, several with commas.
    pub fn brokers(&self) -> &str {
        self.config.get("bootstrap.servers").unwrap_or_default()
    }

    /// Sends one record and waits until the broker has acknowledged it.
    pub async fn send_one(&self, record: &OutgoingRecord) -> Result<Delivered, ProduceError> {
        let receipt = Arc::new(Receipt::default());
        self.enqueue(record, &receipt).await?;
        self.settled(&receipt, &record.topic).await?;
        let (partition, offset) = receipt.place();
        Ok(Delivered { partition, offset })
    }

    /// Sends all `records` in order and waits for the delivery report of each one; returns the
    /// number of records.
    pub async fn publish_all(
        &self,
        records: impl IntoIterator<Item = OutgoingRecord>,
    ) -> Result<u64, ProduceError> {
        let receipt = Arc::new(Receipt::default());
        let mut topic = String::new();
        for record in records {
            self.enqueue(&record, &receipt).await?;
            if receipt.fault().is_some() {
                break;
            }
            topic = record.topic;
        }
        self.settled(&receipt, &topic).await?;
        Ok(receipt.acknowledged())
    }

    /// Queues a copy of a record and never waits. The receipt gets the result within half a minute.
    pub fn send(&self, message: &Message<'_>, receipt: &Arc<Receipt>) -> Result<(), Refused> {
        let bytes = message.record_bytes();
        let Context { flow, backpressure, in_flight_bytes_max, .. } = &self.context;
        if flow.bytes.load(SeqCst) >= *in_flight_bytes_max
            || backpressure.as_ref().is_some_and(|limit| limit.holds(message.topic, bytes))
        {
            return Err(Refused::Full);
        }
        let record = BaseRecord {
            topic: message.topic,
            partition: message.partition,
            payload: message.value,
            key: message.key,
            timestamp: message.timestamp_ms,
            headers: (!message.headers.is_empty()).then(|| headers(message)),
            delivery_opaque: Arc::clone(receipt),
        };
        receipt.add();
        flow.bytes.fetch_add(bytes, SeqCst);
        let Err((error, _)) = self.client().send(record) else { return Ok(()) };
        flow.settled(bytes, *in_flight_bytes_max);
        receipt.take_back();
        Err(match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::QueueFull) => Refused::Full,
            Some(RDKafkaErrorCode::MessageSizeTooLarge) => Refused::TooLarge,
            _ => Refused::Failed(error.to_string()),
        })
    }

    /// Waits until there may be space for this record.
    pub async fn room(&self, message: &Message<'_>) {
        let bytes = message.record_bytes();
        let Context { flow, backpressure, in_flight_bytes_max, .. } = &self.context;
        let mut was_full = false;
        loop {
            let room = flow.room.notified();
            if flow.bytes.load(SeqCst) < *in_flight_bytes_max {
                break;
            }
            was_full = true;
            room.await;
        }
        match backpressure {
            Some(limit) if limit.holds(message.topic, bytes) => {
                limit.released(message.topic, bytes).await;
            }
            // librdkafka does not report when its own queue has space again.
            _ if !was_full => tokio::time::sleep(FULL_PAUSE).await,
            _ => {}
        }
    }

    /// Waits at most a few seconds for records in flight.
    pub async fn flush(&self) {
        let client = self.client();
        let _ = tokio::task::spawn_blocking(move || client.flush(FLUSH_LIMIT)).await;
    }

    async fn enqueue(
        &self,
        record: &OutgoingRecord,
        receipt: &Arc<Receipt>,
    ) -> Result<(), ProduceError> {
        let headers = record.borrowed_headers();
        let message = Message {
            topic: &record.topic,
            partition: record.partition,
            key: record.key.as_deref(),
            value: record.value.as_deref(),
            headers: &headers,
            timestamp_ms: record.timestamp_ms,
        };
        loop {
            match self.send(&message, receipt) {
                Ok(()) => return Ok(()),
                Err(Refused::Full) => self.room(&message).await,
                Err(refused) => {
                    return Err(self.undelivered(&record.topic, &refused.to_string()));
                }
            }
        }
    }

    async fn settled(&self, receipt: &Receipt, topic: &str) -> Result<(), ProduceError> {
        receipt.settled().await;
        match receipt.fault() {
            Some(reason) => Err(self.undelivered(topic, reason)),
            None if receipt.too_large() > 0 => {
                Err(self.undelivered(topic, &Refused::TooLarge.to_string()))
            }
            None => Ok(()),
        }
    }

    fn undelivered(&self, topic: &str, reason: &str) -> ProduceError {
        let (brokers, topic) = (self.brokers().to_owned(), topic.to_owned());
        ProduceError::Delivery { brokers, topic, reason: reason.to_owned() }
    }

    fn client(&self) -> Arc<Client> {
        let is_broken = &self.context.flow.is_broken;
        if is_broken.load(SeqCst) && is_broken.swap(false, SeqCst) {
            match open(&self.config, &self.context) {
                Ok(client) => {
                    tracing::warn!(
                        "the counts of the Kafka producer are wrong; it is replaced by a new \
                        producer"
                    );
                    let mut slot = self.client.write().unwrap_or_else(PoisonError::into_inner);
                    let old = std::mem::replace(&mut *slot, Arc::new(client));
                    // Dropping the old client blocks until its thread has ended.
                    std::thread::spawn(move || drop(old));
                }
                Err(error) => {
                    tracing::error!(%error, "the counts of the Kafka producer are wrong, and a new \
                        producer cannot be created");
                    is_broken.store(true, SeqCst);
                }
            }
        }
        Arc::clone(&self.client.read().unwrap_or_else(PoisonError::into_inner))
    }
}

fn open(config: &ClientConfig, context: &Context) -> Result<Client, ProduceError> {
    config.create_with_context(context.clone()).map_err(ProduceError::Client)
}

fn headers(message: &Message<'_>) -> OwnedHeaders {
    let empty = OwnedHeaders::new_with_capacity(message.headers.len());
    message
        .headers
        .iter()
        .fold(empty, |all, (name, value)| all.insert(Header { key: name, value: value.as_deref() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn properties(all: &[(&str, &str)]) -> BTreeMap<String, String> {
        all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[tokio::test]
    async fn tls_and_scram_are_settings() {
        let scram =
            [("sasl.mechanism", "SCRAM-SHA-512"), ("sasl.username", "u"), ("sasl.password", "p")];
        let all = properties(&[&[("security.protocol", "SASL_SSL")], &scram[..]].concat());
        assert!(Producer::new("localhost:1", &all).is_ok());
        let unknown =
            Producer::new("localhost:1", &properties(&[("sasl.mechanics", "loud")])).err();
        assert!(
            unknown.is_some_and(|error| error.to_string().contains("check the Kafka properties"))
        );
    }

    #[tokio::test]
    async fn a_record_that_is_not_delivered_names_the_brokers() {
        let soon = properties(&[("message.timeout.ms", "100"), ("linger.ms", "0")]);
        let producer = Producer::new("127.0.0.1:1", &soon).unwrap();
        let record = OutgoingRecord { topic: "t".into(), ..OutgoingRecord::default() };
        let error = producer.send_one(&record).await.unwrap_err().to_string();
        let named = "a record for topic t was not delivered to Kafka at 127.0.0.1:1: ";
        assert!(error.starts_with(named), "{error}");
    }

    /// Without a broker the sender waits, and the bytes in flight stay within the limit.
    #[tokio::test]
    async fn what_is_in_flight_is_bounded() {
        let producer =
            Producer::new("127.0.0.1:1", &properties(&[("message.timeout.ms", "5000")])).unwrap();
        let receipt = Arc::new(Receipt::default());
        let value = vec![b'x'; 100_000];
        let message = Message { topic: "t", value: Some(&value), ..Message::default() };
        let mut taken = 0;
        while producer.send(&message, &receipt).is_ok() {
            taken += 1;
        }
        assert!((60..68).contains(&taken), "{taken}");
        producer.room(&message).await;
        assert!(producer.send(&message, &receipt).is_ok());
        receipt.settled().await;
        assert!(receipt.fault().is_some() && receipt.acknowledged() == 0);
    }

    /// A record that exceeds the limit waits for the consumer and is then sent.
    ///
    /// The test tries key and header sizes and every length around the limit. If two calculations
    /// of a record's size differ anywhere, a sender retries forever.
    #[tokio::test]
    async fn who_waits_for_room_gets_it_byte_by_byte_around_the_bound() {
        const ROOM: usize = 1_000;
        let broker = crate::EmbeddedBroker::start(0, &["t".to_owned()], 1).unwrap();
        let all_read = || crate::Committed::from([(crate::TopicPartition::new("t", 0), i64::MAX)]);
        let limit = Backpressure::new(move || {
            futures_util::FutureExt::boxed(std::future::ready(all_read()))
        });
        let producer = Producer::with_backpressure(
            broker.bootstrap(),
            &properties(&[("linger.ms", "0")]),
            limit,
        )
        .unwrap();
        let limit = producer.context.backpressure.clone().unwrap();
        let some: [crate::OutgoingHeader<'_>; 2] =
            [("weir_file".into(), Some(vec![b'f'; 90].into())), ("empty".into(), None)];
        let bytes = vec![b'x'; ROOM + 10];
        let (mut at_once, mut waited) = (0, 0);
        for (key, headers) in [(0, &[][..]), (40, &[]), (300, &some)] {
            for length in 390..ROOM + 10 {
                limit.released("t", 0).await;
                limit.delivered("t", 0, -1, crate::backpressure::UNREAD_BYTES_MAX - ROOM);
                let message = Message {
                    topic: "t",
                    key: Some(&bytes[..key]),
                    value: Some(&bytes[..length]),
                    headers,
                    ..Message::default()
                };
                let receipt = Arc::new(Receipt::default());
                let before = waited;
                let waits = &mut waited;
                let sent = async {
                    loop {
                        match producer.send(&message, &receipt) {
                            Ok(()) => break,
                            Err(Refused::Full) => producer.room(&message).await,
                            Err(refused) => panic!("{refused}"),
                        }
                        *waits += 1;
                    }
                    receipt.settled().await;
                };
                tokio::time::timeout(Duration::from_secs(10), sent)
                    .await
                    .unwrap_or_else(|_| panic!("{length} bytes never go"));
                at_once += u32::from(waited == before);
                assert_eq!(
                    (receipt.acknowledged(), producer.context.flow.bytes.load(SeqCst)),
                    (1, 0),
                    "{length}"
                );
            }
        }
        assert!(at_once > 500 && waited > 500, "{at_once} went at once, {waited} waited");
    }
}
