//! What a poller is told, and its limits.

use std::{collections::BTreeMap, time::Duration};

use rdkafka::ClientConfig;
use weir_kafka::{BrokerError, client_config};
use weir_store::HealthReasons;

/// Records in one event at most; Lambda's own limit.
pub const RECORDS_MAX: usize = 10_000;

/// Bytes of one event's JSON at most; Lambda's own limit is 6 MB.
pub const EVENT_BYTES_MAX: usize = 6 * 1024 * 1024;

/// How long a batch is filled, counted from its first record.
pub const WINDOW: Duration = Duration::from_millis(500);

/// Time that one invocation gets.
pub const TIME_LIMIT: Duration = Duration::from_mins(1);

/// Consumers side by side.
pub const WORKERS_DEFAULT: usize = 2;

/// `eventSource` of events from a cluster that is not MSK.
pub const EVENT_SOURCE: &str = "SelfManagedKafka";

/// Defaults that a user's properties may override.
const DEFAULTS: &[(&str, &str)] = &[
    ("auto.offset.reset", "earliest"),
    ("isolation.level", "read_committed"),
    // The embedded broker answers an empty fetch only after this time, whatever arrives meanwhile.
    ("fetch.wait.max.ms", "50"),
    // Prefetched records are dropped when a worker pauses: a small queue bounds what is fetched
    // twice, and memory, of which each record takes half a kilobyte in addition to its own bytes: a
    // batch of small ones.
    ("queued.max.messages.kbytes", "1024"),
    ("queued.min.messages", "10000"),
    // A full queue is looked at again soon: a second, the default, is ten batches.
    ("fetch.queue.backoff.ms", "50"),
    // What one answer brings is in memory whole; a record that is longer comes all the same, alone
    // (KIP-74).
    ("fetch.message.max.bytes", "131072"),
    ("fetch.max.bytes", "1000000"),
    // What an open transaction hides is known from these.
    ("statistics.interval.ms", "5000"),
    // A topic that is created later is found within seconds, not five minutes.
    ("topic.metadata.refresh.interval.ms", "5000"),
];

/// The same for groups that balance themselves. With `group.protocol=consumer` the broker does it,
/// and librdkafka refuses these.
const CLASSIC_DEFAULTS: &[(&str, &str)] = &[
    // After a kill the partitions are assigned again within seconds.
    ("session.timeout.ms", "10000"),
    ("heartbeat.interval.ms", "1000"),
    // By range, topics of one partition would all be the first worker's. Members that know range
    // alone agree on that.
    ("partition.assignment.strategy", "roundrobin,range"),
];

/// What the promises hang on; a user's properties do not change these.
const FIXED: &[(&str, &str)] = &[
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    ("enable.partition.eof", "true"),
];

/// The settings of a poller; [`PollerConfig::new`] fills in the defaults.
#[derive(Clone)]
pub struct PollerConfig {
    /// Addresses of the broker to connect to, `host:port`, several with commas.
    pub bootstrap: String,
    /// Extra librdkafka properties: TLS, SASL, timeouts.
    pub properties: BTreeMap<String, String>,
    /// The consumer group.
    pub group_id: String,
    /// The topics to read.
    pub topics: Vec<String>,
    /// Consumers side by side, at least 1; more than partitions are idle.
    pub workers: usize,
    /// Records in one event at most.
    pub records_max: usize,
    /// Bytes of one event's JSON at most; a bigger record goes alone.
    pub event_bytes_max: usize,
    /// How long a batch is filled from its first record on; a topic gone quiet is dispatched
    /// earlier.
    pub window: Duration,
    /// Time that one invocation gets; after it the invocation is dropped and counts as failed.
    pub time_limit: Duration,
    /// Whether a batch that failed twice is given in halves.
    pub bisect: bool,
    /// `eventSource` of the events.
    pub event_source: String,
    /// `bootstrapServers` of the events.
    pub bootstrap_servers: String,
    /// Where what goes wrong is named.
    pub health: HealthReasons,
}

impl PollerConfig {
    /// The defaults for a broker, a group and topics.
    pub fn new(bootstrap: &str, group_id: &str, topics: &[String]) -> Self {
        Self {
            bootstrap: bootstrap.to_owned(),
            properties: BTreeMap::new(),
            group_id: group_id.to_owned(),
            topics: topics.to_vec(),
            workers: WORKERS_DEFAULT,
            records_max: RECORDS_MAX,
            event_bytes_max: EVENT_BYTES_MAX,
            window: WINDOW,
            time_limit: TIME_LIMIT,
            bisect: false,
            event_source: EVENT_SOURCE.to_owned(),
            bootstrap_servers: bootstrap.to_owned(),
            health: HealthReasons::default(),
        }
    }

    /// Whether librdkafka knows every property, without connecting to anything.
    pub fn check(&self) -> Result<(), BrokerError> {
        self.client(0).create_native_config().map(drop).map_err(BrokerError::Client)
    }

    /// Whether a group that never committed begins at the end.
    pub(super) fn begins_at_end(&self) -> bool {
        self.properties
            .get("auto.offset.reset")
            .is_some_and(|reset| matches!(reset.as_str(), "latest" | "largest" | "end"))
    }

    /// The client settings of worker number `worker`.
    pub(super) fn client(&self, worker: usize) -> ClientConfig {
        let is_classic =
            self.properties.get("group.protocol").is_none_or(|protocol| protocol != "consumer");
        let defaults: Vec<_> =
            if is_classic { [DEFAULTS, CLASSIC_DEFAULTS].concat() } else { DEFAULTS.to_vec() };
        let mut config = client_config(&self.bootstrap, &self.properties, &defaults);
        // Two members of one name fence each other.
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
