//! Checks the topics every few seconds. It finds topics that cannot be read, that were recreated,
//! or that have another leader.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::time::sleep;
use weir_kafka::{TopicIdentity, TopicLookup, TopicState, without_own_requests};
use weir_store::HealthKind;

use super::{PollerConfig, status::SharedStatus};

/// The interval of the checks. A recreated topic is read as the old one for at most this time.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// The time in which the group usually assigns the partitions of a new topic.
///
/// The leader of the group refreshes its metadata every 5 s, and joins the group again if the
/// topics differ from the last refresh. librdkafka 2.12 does not compare them with the metadata of
/// the last assignment. So if the group is balanced while a topic does not exist, and the topic
/// exists at the refreshes before and after it, no member ever gets a partition of the topic.
const ASSIGNED_WITHIN: Duration = Duration::from_secs(15);

/// The kind of the health reason for a topic that cannot be read.
const REASON: HealthKind = HealthKind::Topic;

/// Checks the topics until the poller stops.
pub(super) async fn watch(config: PollerConfig, shared: Arc<SharedStatus>) {
    let mut lookup = TopicLookup::new(&config.bootstrap, &config.properties);
    let mut known: BTreeMap<String, TopicIdentity> = BTreeMap::new();
    // The topics that were created in the last seconds.
    let mut new: BTreeMap<String, Instant> = BTreeMap::new();
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
                    let before = known.get(&identity.topic);
                    look(&config, &shared, before, &identity);
                    if before.is_some_and(|before| is_new(before, &identity)) {
                        new.insert(identity.topic.clone(), Instant::now());
                    } else if identity.state != TopicState::There {
                        new.remove(&identity.topic);
                    }
                    known.insert(identity.topic.clone(), identity);
                }
                check_assigned(&shared, &mut new);
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
    if before.is_some_and(|before| is_new(before, now) || has_other_leader(before, now)) {
        shared.note_changed(topic);
    }
}

/// Returns whether the topic was created since the last check.
fn is_new(before: &TopicIdentity, now: &TopicIdentity) -> bool {
    let is_back = before.state == TopicState::Absent && now.state == TopicState::There;
    is_back || before.id != now.id && now.id.is_some()
}

/// Lets the workers join the group again if none of them got a partition of a new topic. All of
/// them join, because only the leader's join makes Kafka balance the group. If another program has
/// all partitions of the topic, the group is balanced once without need.
fn check_assigned(shared: &SharedStatus, new: &mut BTreeMap<String, Instant>) {
    let is_due = |since: &Instant| since.elapsed() >= ASSIGNED_WITHIN;
    let none: Vec<_> = new
        .iter()
        .filter(|(topic, since)| is_due(since) && !shared.has_any(topic))
        .map(|(topic, _)| topic.as_str())
        .collect();
    if !none.is_empty() {
        tracing::warn!(
            "no partition of topic {} was assigned to this program: joining the consumer group \
                again",
            none.join(", ")
        );
        shared.join_again();
    }
    new.retain(|_, since| !is_due(since));
}

/// Returns whether the leader epoch of a partition has changed.
fn has_other_leader(before: &TopicIdentity, now: &TopicIdentity) -> bool {
    now.leaders.iter().any(|(partition, leader)| {
        before.leaders.get(partition).is_some_and(|before| before.epoch != leader.epoch)
    })
}
