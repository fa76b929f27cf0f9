//! The callbacks for partitions that the group assigns to a worker or revokes from it.

use std::{
    collections::BTreeMap,
    error::Error,
    mem,
    sync::{Arc, Mutex, PoisonError},
};

use rdkafka::{
    ClientContext, Statistics, TopicPartitionList,
    client::OAuthToken,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, Consumer, ConsumerContext, Rebalance},
    error::KafkaError,
    types::RDKafkaErrorCode,
};
use weir_kafka::{Tokens, TopicPartition, log_line};

use super::status::SharedStatus;

/// A change of the assignment. The changes are kept in their order.
pub(super) enum AssignmentChange {
    Assigned(Vec<TopicPartition>),
    Revoked(Vec<TopicPartition>),
}

/// librdkafka's callbacks of one worker. They run on the worker's thread while it polls.
pub(super) struct WorkerContext {
    changes: Mutex<Vec<AssignmentChange>>,
    shared: Arc<SharedStatus>,
    tokens: Tokens,
}

impl WorkerContext {
    pub(super) fn new(shared: Arc<SharedStatus>, tokens: Tokens) -> Self {
        Self { changes: Mutex::default(), shared, tokens }
    }

    /// Returns the changes since the last call.
    pub(super) fn take_changes(&self) -> Vec<AssignmentChange> {
        mem::take(&mut *self.changes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ClientContext for WorkerContext {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn generate_oauth_token(&self, _: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        self.tokens.token()
    }

    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        log_line(level, facility, line);
    }

    /// Notes the records that an open transaction hides. They are in Kafka, but no consumer gets
    /// them before the transaction ends.
    fn stats(&self, statistics: Statistics) {
        let mut hidden = BTreeMap::new();
        for topic in statistics.topics.into_values() {
            for partition in topic
                .partitions
                .values()
                .filter(|partition| partition.desired && partition.ls_offset >= 0)
            {
                hidden.insert(
                    TopicPartition::new(&topic.topic, partition.partition),
                    (partition.ls_offset, partition.hi_offset),
                );
            }
        }
        self.shared.note_hidden(hidden);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(target: "kafka", "{error}: {reason}");
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown) {
            self.shared.set_connected(false);
        }
    }
}

impl ConsumerContext for WorkerContext {
    /// Pauses new partitions before their first record is fetched. The worker first asks for their
    /// start offsets.
    fn post_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Assign(list) = rebalance
            && let Err(error) = consumer.pause(list)
        {
            tracing::warn!("Kafka: cannot pause new partitions: {error}");
        }
    }

    fn pre_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        let change = match rebalance {
            Rebalance::Assign(list) => AssignmentChange::Assigned(partitions(list)),
            Rebalance::Revoke(list) => AssignmentChange::Revoked(partitions(list)),
            Rebalance::Error(error) => {
                tracing::warn!("Kafka: the rebalance of the group failed: {error}");
                return;
            }
        };
        let mut changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        changes.push(change);
    }
}

fn partitions(list: &TopicPartitionList) -> Vec<TopicPartition> {
    let elements = list.elements();
    elements
        .iter()
        .map(|element| TopicPartition::new(element.topic(), element.partition()))
        .collect()
}
