//! Finds partitions that return only errors. librdkafka does not say which partition an error is
//! about, so this module asks the broker.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::runtime::Handle;
use weir_kafka::{TopicPartition, is_lasting, unreadable};
use weir_store::{HealthKind, HealthReasons};

use rdkafka::types::RDKafkaErrorCode;

/// The interval of the requests while errors come, or while a partition is named in the health
/// reasons.
const ASK_EVERY: Duration = Duration::from_secs(5);

/// An error counts as over after this time.
const OVER_AFTER: Duration = Duration::from_secs(30);

/// The kind of the health reason for such a partition.
const REASON: HealthKind = HealthKind::Partition;

/// The check of one worker.
pub(super) struct UnreadableCheck {
    bootstrap: String,
    properties: BTreeMap<String, String>,
    group: String,
    health: HealthReasons,
    runtime: Handle,
    is_asking: Arc<AtomicBool>,
    seen: Option<Instant>,
    asked: Option<Instant>,
}

impl UnreadableCheck {
    pub(super) fn new(config: &super::PollerConfig, runtime: Handle) -> Self {
        Self {
            bootstrap: config.bootstrap.clone(),
            properties: config.properties.clone(),
            group: config.group_id.clone(),
            health: config.health.clone(),
            runtime,
            is_asking: Arc::default(),
            seen: None,
            asked: None,
        }
    }

    /// Notes an error of the consumer.
    pub(super) fn note(&mut self, code: Option<RDKafkaErrorCode>) {
        if code.is_some_and(is_lasting) {
            self.seen = Some(Instant::now());
        }
    }

    /// Returns whether to ask about the partitions now.
    pub(super) fn is_due(&self) -> bool {
        let is_recent = self.seen.is_some_and(|seen| seen.elapsed() < OVER_AFTER);
        is_recent
            && self.asked.is_none_or(|asked| asked.elapsed() >= ASK_EVERY)
            && !self.is_asking.load(Ordering::Acquire)
    }

    /// Asks the broker for each partition's current position, and adds a health reason for the
    /// partitions that cannot be read on.
    pub(super) fn ask(&mut self, places: Vec<(TopicPartition, i64)>) {
        self.asked = Some(Instant::now());
        self.is_asking.store(true, Ordering::Release);
        let (bootstrap, properties, group) =
            (self.bootstrap.clone(), self.properties.clone(), self.group.clone());
        let (health, is_asking) = (self.health.clone(), Arc::clone(&self.is_asking));
        self.runtime.spawn(async move {
            match unreadable(&bootstrap, &properties, &group, places.clone()).await {
                Ok(found) => {
                    for (at, offset) in &places {
                        match found.get(at) {
                            Some(why) => health.add_for(
                                OVER_AFTER,
                                REASON,
                                &at.topic,
                                at.partition,
                                format!("{at} cannot be read from offset {offset} on: {why}"),
                            ),
                            None => health.remove(REASON, &at.topic, at.partition),
                        }
                    }
                }
                Err(error) => {
                    tracing::debug!("cannot ask Kafka which partition cannot be read: {error}");
                }
            }
            is_asking.store(false, Ordering::Release);
        });
    }
}
