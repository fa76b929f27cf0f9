//! Checks the topics every few seconds. It finds topics that cannot be read, that were recreated,
//! or that have another leader.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::time::sleep;
use weir_kafka::{TopicIdentity, TopicLookup, TopicState, without_own_requests};
use weir_store::HealthKind;

use super::{PollerConfig, status::SharedStatus};

/// The interval of the checks. A recreated topic is read as the old one for at most this time.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// The kind of the health reason for a topic that cannot be read.
const REASON: HealthKind = HealthKind::Topic;

/// Checks the topics until the poller stops.
pub(super) async fn watch(config: PollerConfig, shared: Arc<SharedStatus>) {
    let mut lookup = TopicLookup::new(&config.bootstrap, &config.properties);
    let mut known: BTreeMap<String, TopicIdentity> = BTreeMap::new();
    let (mut has_warned, mut last_error) = (false, String::new());
    while !shared.is_stopping() {
        match lookup.identify(&config.topics).await {
            Ok(found) => {
                last_error.clear();
                if !has_warned && has_no_ids(&found) {
                    has_warned = true;
                    warn_of_missing_ids(&config);
                }
                for identity in found {
                    look(&config, &shared, known.get(&identity.topic), &identity);
                    known.insert(identity.topic.clone(), identity);
                }
            }
            // The workers report that the broker is away. This line has the reason.
            Err(error) => {
                let error = error.to_string();
                if error != last_error && !shared.is_stopping() {
                    tracing::warn!("cannot check the topics: {error}");
                    last_error = error;
                }
            }
        }
        sleep(LOOK_EVERY).await;
    }
}

/// Returns whether the broker describes a topic without an id.
fn has_no_ids(found: &[TopicIdentity]) -> bool {
    found.iter().any(|identity| identity.state == TopicState::There && identity.id.is_none())
}

fn warn_of_missing_ids(config: &PollerConfig) {
    let why = without_own_requests(&config.properties).map_or_else(
        || "the broker is older than Kafka 2.8".to_owned(),
        |property| format!("weir does not support {property} for this"),
    );
    tracing::warn!(
        "Kafka topics are read without topic ids and leader epochs: {why}; a recreated or truncated topic is found only by the end of its log and by checksums"
    );
}

fn look(
    config: &PollerConfig,
    shared: &SharedStatus,
    before: Option<&TopicIdentity>,
    now: &TopicIdentity,
) {
    let topic = now.topic.as_str();
    let was_there = before.is_some_and(|before| before.state == TopicState::There);
    match &now.state {
        TopicState::There => config.health.remove(REASON, topic, None),
        TopicState::Absent if before.is_none() => {
            tracing::warn!("topic {topic} does not exist in Kafka yet: waiting for it");
        }
        TopicState::Absent if was_there => {
            config.health.add(
                REASON,
                topic,
                None,
                format!("topic {topic} no longer exists in Kafka: waiting for it"),
            );
        }
        TopicState::Absent => {}
        TopicState::Forbidden => {
            let why = format!(
                "Kafka does not allow this client to read topic {topic}: grant it the rights \
                    Describe and Read"
            );
            config.health.add(REASON, topic, None, why);
        }
        TopicState::Unclear(error) => config.health.add(
            REASON,
            topic,
            None,
            format!("cannot ask Kafka for topic {topic}: {error}"),
        ),
    }
    let is_other = before.is_some_and(|before| {
        before.id != now.id && now.id.is_some() || has_other_leader(before, now)
    });
    if is_other {
        shared.note_changed(topic);
    }
}

/// Returns whether the leader epoch of a partition has changed.
fn has_other_leader(before: &TopicIdentity, now: &TopicIdentity) -> bool {
    now.leaders.iter().any(|(partition, leader)| {
        before.leaders.get(partition).is_some_and(|before| before.epoch != leader.epoch)
    })
}
