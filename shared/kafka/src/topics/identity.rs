//! What a topic is, beside its name: its id, and who led its partitions.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use rdkafka::{
    consumer::{BaseConsumer, Consumer},
    types::RDKafkaErrorCode,
};

use super::wire;
use crate::{BrokerError, QuietContext, TopicPartition, client::blocking, client_config};

/// How long librdkafka may take to answer about one topic.
const ASK_LIMIT: Duration = Duration::from_secs(5);

/// Whether a topic can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TopicState {
    /// It is there.
    There,
    /// The broker has no such topic.
    Absent,
    /// The broker does not let us read it.
    Forbidden,
    /// Something else, in the broker's words.
    Unclear(String),
}

/// Who leads a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leader {
    /// The broker.
    pub id: i32,
    /// One more at each election.
    pub epoch: i32,
}

/// What a broker says of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicIdentity {
    /// Its name.
    pub topic: String,
    /// Whether it can be read.
    pub state: TopicState,
    /// Another one each time that the topic is made; none before Kafka 2.8, and where the broker is
    /// spoken to with TLS or a password.
    pub id: Option<String>,
    /// By partition; none where there is no id.
    pub leaders: BTreeMap<i32, Leader>,
}

/// What the broker says of `topics`, in any order.
pub async fn identify(
    bootstrap: &str,
    properties: &BTreeMap<String, String>,
    topics: &[String],
) -> Result<Vec<TopicIdentity>, BrokerError> {
    if topics.is_empty() {
        return Ok(Vec::new());
    }
    let (bootstrap, properties, topics) =
        (bootstrap.to_owned(), properties.clone(), topics.to_vec());
    blocking(move || {
        if is_plain(&properties)
            && let Ok(described) = wire::describe(&bootstrap, &topics)
        {
            return Ok(described.topics);
        }
        without_ids(&bootstrap, &properties, &topics)
    })
    .await
}

/// Where leader epochs end, by partition: the offset after the last record of the epoch or of an
/// earlier one. `Ok(None)`: the broker does not know the epoch. `Err`: the broker did not say, with
/// the reason.
pub type EpochEnds = BTreeMap<TopicPartition, Result<Option<i64>, String>>;

/// Asks the brokers where these leader epochs end (Kafka's `OffsetForLeaderEpoch`).
///
/// The answer has an entry for each asked partition.
pub async fn epoch_ends(
    bootstrap: &str,
    properties: &BTreeMap<String, String>,
    asked: Vec<(TopicPartition, i32)>,
) -> Result<EpochEnds, BrokerError> {
    if asked.is_empty() || !is_plain(properties) {
        return Ok(EpochEnds::new());
    }
    let bootstrap = bootstrap.to_owned();
    blocking(move || {
        let topics: BTreeSet<String> = asked.iter().map(|(at, _)| at.topic.to_string()).collect();
        let described = wire::describe(&bootstrap, &topics.into_iter().collect::<Vec<_>>());
        let described = described.map_err(|error| BrokerError::Start(format!("{error:#}")))?;
        Ok(wire::epoch_ends(&described, &asked))
    })
    .await
}

/// Whether our own requests reach the broker: they know neither TLS nor passwords.
fn is_plain(properties: &BTreeMap<String, String>) -> bool {
    properties
        .get("security.protocol")
        .is_none_or(|protocol| protocol.eq_ignore_ascii_case("plaintext"))
}

/// By librdkafka, which asks for each topic and tells no ids.
fn without_ids(
    bootstrap: &str,
    properties: &BTreeMap<String, String>,
    topics: &[String],
) -> Result<Vec<TopicIdentity>, BrokerError> {
    let config = client_config(bootstrap, properties, &[]);
    let consumer: BaseConsumer<QuietContext> =
        config.create_with_context(QuietContext).map_err(BrokerError::Client)?;
    let identity = |topic: &String| {
        let failed =
            |source| BrokerError::Ask { bootstrap: bootstrap.to_owned(), what: "metadata", source };
        let metadata = consumer.fetch_metadata(Some(topic), ASK_LIMIT).map_err(failed)?;
        let known = metadata.topics().iter().find(|known| known.name() == topic);
        let state = match known.map(|known| known.error().map(RDKafkaErrorCode::from)) {
            Some(None) => TopicState::There,
            None
            | Some(Some(
                RDKafkaErrorCode::UnknownTopic | RDKafkaErrorCode::UnknownTopicOrPartition,
            )) => TopicState::Absent,
            Some(Some(RDKafkaErrorCode::TopicAuthorizationFailed)) => TopicState::Forbidden,
            Some(Some(code)) => TopicState::Unclear(code.to_string()),
        };
        Ok(TopicIdentity { topic: topic.clone(), state, id: None, leaders: BTreeMap::new() })
    };
    topics.iter().map(identity).collect()
}
