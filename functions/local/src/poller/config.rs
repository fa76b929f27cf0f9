//! The settings of a poller, and its limits.

use std::{collections::BTreeMap, time::Duration};

use rdkafka::ClientConfig;
use weir_kafka::{BrokerError, Tokens, client_config};
use weir_store::HealthReasons;

/// The highest number of records in one event. It is Lambda's limit.
pub const RECORDS_MAX: usize = 10_000;

/// The largest event in bytes of JSON. Lambda's limit is 6 MB.
pub const EVENT_BYTES_MAX: usize = 6 * 1024 * 1024;

/// The time limit for one invocation.
pub const TIME_LIMIT: Duration = Duration::from_mins(1);

/// The default number of workers.
pub const WORKERS_DEFAULT: usize = 2;

/// The `eventSource` of events from a cluster that is not MSK.
pub const EVENT_SOURCE: &str = "SelfManagedKafka";

/// Defaults that a user's properties may override.
const DEFAULTS: &[(&str, &str)] = &[
    ("auto.offset.reset", "earliest"),
    ("isolation.level", "read_committed"),
    // A broker answers an empty fetch after this time, or when a record arrives.
    ("fetch.wait.max.ms", "50"),
    // A pause drops the prefetched records. A small queue limits the number of records that are
    // fetched twice. It also limits memory: each record needs half a kilobyte in addition to its
    // bytes. The limit is about one batch of small records.
    ("queued.max.messages.kbytes", "1024"),
    ("queued.min.messages", "10000"),
    // A full queue is checked again after this time. The default is a second, the time of ten
    // batches.
    ("fetch.queue.backoff.ms", "50"),
    // The whole answer to a fetch is in memory. A longer record still arrives, as the only one of
    // its answer (KIP-74).
    ("fetch.message.max.bytes", "131072"),
    ("fetch.max.bytes", "1000000"),
    // The statistics show the records that an open transaction hides.
    ("statistics.interval.ms", "5000"),
    // A topic that is created later is found within seconds. The default is five minutes.
    ("topic.metadata.refresh.interval.ms", "5000"),
];

/// Defaults for groups whose members assign the partitions. With `group.protocol=consumer` the
/// broker assigns them, and librdkafka refuses these properties.
const CLASSIC_DEFAULTS: &[(&str, &str)] = &[
    // After a worker was killed, its partitions are assigned again within seconds.
    ("session.timeout.ms", "10000"),
    ("heartbeat.interval.ms", "1000"),
    // With `range` the first worker would get all topics with one partition. `range` stays in the
    // list because the group needs a strategy that all its members support.
    ("partition.assignment.strategy", "roundrobin,range"),
];

/// Weir's guarantees depend on these properties. A user's properties do not change them.
const FIXED: &[(&str, &str)] = &[
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    ("enable.partition.eof", "true"),
];

/// The settings of a poller. [`PollerConfig::new`] fills in the defaults.
#[derive(Clone)]
pub struct PollerConfig {
    /// The addresses of the brokers as `host:port`, separated by commas.
    pub bootstrap: String,
    /// Additional librdkafka properties: TLS, SASL, timeouts.
    pub properties: BTreeMap<String, String>,
    /// The consumer group.
    pub group_id: String,
    /// The topics to read.
    pub topics: Vec<String>,
    /// The number of workers, at least 1. Workers without a partition are idle.
    pub workers: usize,
    /// The highest number of records in one event.
    pub records_max: usize,
    /// The largest event in bytes of JSON. A larger record is sent alone.
    pub event_bytes_max: usize,
    /// The time limit for one invocation. An invocation that exceeds it is dropped and counts as
    /// failed.
    pub time_limit: Duration,
    /// Whether a batch that failed twice is split in halves.
    pub bisect: bool,
    /// The `eventSource` of the events.
    pub event_source: String,
    /// The `bootstrapServers` of the events.
    pub bootstrap_servers: String,
    /// Collects the reasons for a bad health.
    pub health: HealthReasons,
}

impl PollerConfig {
    /// Creates the default settings for a broker, a group and topics.
    pub fn new(bootstrap: &str, group_id: &str, topics: &[String]) -> Self {
        Self {
            bootstrap: bootstrap.to_owned(),
            properties: BTreeMap::new(),
            group_id: group_id.to_owned(),
            topics: topics.to_vec(),
            workers: WORKERS_DEFAULT,
            records_max: RECORDS_MAX,
            event_bytes_max: EVENT_BYTES_MAX,
            time_limit: TIME_LIMIT,
            bisect: false,
            event_source: EVENT_SOURCE.to_owned(),
            bootstrap_servers: bootstrap.to_owned(),
            health: HealthReasons::default(),
        }
    }

    /// Checks that every property is accepted. It does not connect to a broker.
    pub fn check(&self) -> Result<(), BrokerError> {
        Tokens::of(&self.properties)?;
        self.client(0).create_native_config().map(drop).map_err(BrokerError::Client)
    }

    /// Returns whether a group without committed offsets begins at the end.
    pub(super) fn begins_at_end(&self) -> bool {
        self.properties
            .get("auto.offset.reset")
            .is_some_and(|reset| matches!(reset.as_str(), "latest" | "largest" | "end"))
    }

    /// Returns the client settings of worker number `worker`.
    pub(super) fn client(&self, worker: usize) -> ClientConfig {
        let is_classic =
            self.properties.get("group.protocol").is_none_or(|protocol| protocol != "consumer");
        let defaults: Vec<_> =
            if is_classic { [DEFAULTS, CLASSIC_DEFAULTS].concat() } else { DEFAULTS.to_vec() };
        let mut config = client_config(&self.bootstrap, &self.properties, &defaults);
        // Two members with the same instance id would fence each other.
        if let Some(name) = self.properties.get("group.instance.id") {
            config.set("group.instance.id", format!("{name}-{worker}"));
        }
        config.set("group.id", &self.group_id).set("client.id", format!("weir-lane-{worker}"));
        for (name, value) in FIXED {
            config.set(*name, *value);
        }
        config
    }
}
