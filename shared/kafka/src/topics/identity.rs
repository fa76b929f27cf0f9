//! The identity of a topic: its id, and the leaders of its partitions.

use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
    time::Duration,
};

use rdkafka::{
    consumer::{BaseConsumer, Consumer},
    types::RDKafkaErrorCode,
};

use super::wire::{self, Connection, Described, KeptConnection, Security};
use crate::{BrokerError, QuietContext, TopicPartition, client::blocking, client_config};

/// The time limit for librdkafka's answer about one topic.
const ASK_LIMIT: Duration = Duration::from_secs(5);

/// The state of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TopicState {
    /// The topic exists and can be read.
    There,
    /// The broker does not have the topic.
    Absent,
    /// The broker denies read access.
    Forbidden,
    /// Another error, with the broker's text.
    Unclear(String),
}

/// The leader of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leader {
    /// The id of the broker.
    pub id: i32,
    /// The leader epoch, which increases by one at each election.
    pub epoch: i32,
}

/// A broker's description of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicIdentity {
    /// The name of the topic.
    pub topic: String,
    /// Whether the topic can be read.
    pub state: TopicState,
    /// The topic id, which changes when the topic is recreated. `None` before Kafka 2.8, and where
    /// [`without_own_requests`] names a property.
    pub id: Option<String>,
    /// The leaders by partition; empty without a topic id.
    pub leaders: BTreeMap<i32, Leader>,
}

/// Returns the broker's description of `topics`, in any order.
pub async fn identify(
    bootstrap: &str,
    properties: &BTreeMap<String, String>,
    topics: &[String],
) -> Result<Vec<TopicIdentity>, BrokerError> {
    TopicLookup::new(bootstrap, properties).identify(topics).await
}

/// Asks for the descriptions of topics over one connection. A new one is opened when the broker has
/// closed it, after an error, and when the token of its login has expired.
pub struct TopicLookup {
    bootstrap: String,
    properties: BTreeMap<String, String>,
    kept: Kept,
}

#[derive(Default)]
struct Kept {
    connection: KeptConnection,
    /// For brokers that return no ids.
    consumer: Option<BaseConsumer<QuietContext>>,
}

impl TopicLookup {
    /// Creates the lookup. It connects when it is first used.
    pub fn new(bootstrap: &str, properties: &BTreeMap<String, String>) -> Self {
        Self {
            bootstrap: bootstrap.to_owned(),
            properties: properties.clone(),
            kept: Kept::default(),
        }
    }

    /// Returns the broker's description of `topics`, in any order.
    pub async fn identify(&mut self, topics: &[String]) -> Result<Vec<TopicIdentity>, BrokerError> {
        if topics.is_empty() {
            return Ok(Vec::new());
        }
        let (bootstrap, properties, topics) =
            (self.bootstrap.clone(), self.properties.clone(), topics.to_vec());
        let mut kept = mem::take(&mut self.kept);
        let (found, kept) = blocking(move || {
            let found = kept.identify(&bootstrap, &properties, &topics);
            Ok((found, kept))
        })
        .await?;
        self.kept = kept;
        found
    }
}

impl Kept {
    fn identify(
        &mut self,
        bootstrap: &str,
        properties: &BTreeMap<String, String>,
        topics: &[String],
    ) -> Result<Vec<TopicIdentity>, BrokerError> {
        let over = |broker: &mut Connection| wire::describe_over(broker, topics);
        let described = self.connection.answer(over, || {
            let Some(security) = Security::of(properties)? else { return Ok(None) };
            describe(bootstrap, &security, topics).map(Some)
        })?;
        match described.flatten() {
            Some(described) => Ok(described.topics),
            None => self.without_ids(bootstrap, properties, topics),
        }
    }

    /// Describes the topics through librdkafka, which sends one request for each topic and returns
    /// no ids.
    fn without_ids(
        &mut self,
        bootstrap: &str,
        properties: &BTreeMap<String, String>,
        topics: &[String],
    ) -> Result<Vec<TopicIdentity>, BrokerError> {
        let consumer = match self.consumer.take() {
            Some(consumer) => consumer,
            None => client_config(bootstrap, properties, &[])
                .create_with_context(QuietContext::of(properties)?)
                .map_err(BrokerError::Client)?,
        };
        let found = without_ids(&consumer, bootstrap, topics)?;
        self.consumer = Some(consumer);
        Ok(found)
    }
}

/// Returns the Kafka property because of which Weir cannot ask for topic ids and leader epochs.
///
/// librdkafka has no calls for them, and Weir's own requests support fewer properties.
pub fn without_own_requests(properties: &BTreeMap<String, String>) -> Option<String> {
    Security::unsupported(properties)
}

/// `None`: the broker is older than Kafka 2.8.
fn describe(
    bootstrap: &str,
    security: &Security,
    topics: &[String],
) -> Result<(Option<Described>, Connection), BrokerError> {
    wire::describe(bootstrap, security, topics)
        .map_err(|error| BrokerError::Unreachable(format!("{error:#}")))
}

/// Where a leader epoch ends: the offset after the last record of the epoch or of an earlier one.
/// `Ok(None)`: the broker does not know the epoch. `Err`: the broker did not say, with the reason.
pub type EpochEnd = Result<Option<i64>, String>;

/// Asks the brokers where these leader epochs end (Kafka's `OffsetForLeaderEpoch`).
///
/// The answers have the order of `asked`.
pub async fn epoch_ends(
    bootstrap: &str,
    properties: &BTreeMap<String, String>,
    asked: Vec<(TopicPartition, i32)>,
) -> Result<Vec<EpochEnd>, BrokerError> {
    if asked.is_empty() {
        return Ok(Vec::new());
    }
    let (bootstrap, properties) = (bootstrap.to_owned(), properties.clone());
    blocking(move || {
        let Some(security) = Security::of(&properties)? else { return Ok(unanswered(&asked)) };
        let topics: BTreeSet<String> = asked.iter().map(|(at, _)| at.topic.to_string()).collect();
        let topics: Vec<String> = topics.into_iter().collect();
        let (described, _) = describe(&bootstrap, &security, &topics)?;
        let ends = described.map(|described| wire::epoch_ends(&described, &security, &asked));
        Ok(ends.unwrap_or_else(|| unanswered(&asked)))
    })
    .await
}

fn unanswered(asked: &[(TopicPartition, i32)]) -> Vec<EpochEnd> {
    vec![Err("the broker does not return the ends of leader epochs".to_owned()); asked.len()]
}

fn without_ids(
    consumer: &BaseConsumer<QuietContext>,
    bootstrap: &str,
    topics: &[String],
) -> Result<Vec<TopicIdentity>, BrokerError> {
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
