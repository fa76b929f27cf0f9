//! Lookups of the first and last offsets of partitions, and of committed offsets.

use std::{collections::BTreeMap, time::Duration};

use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer},
    error::KafkaError,
    metadata::MetadataPartition,
    types::RDKafkaErrorCode,
};

use crate::{
    BrokerError, QuietContext, TopicPartition, client::blocking, client_config, topics::with_reason,
};

/// The range of offsets that a broker has of one partition.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PartitionOffsets {
    /// The topic's name.
    pub topic: String,
    /// The partition's number.
    pub partition: i32,
    /// The first offset that the broker still has (the low watermark).
    pub low: i64,
    /// The offset after the last record that a consumer receives. An open transaction hides its
    /// first record and all later ones, unless `isolation.level` is set otherwise.
    pub high: i64,
    /// The offset that the next record will get.
    pub end: i64,
}

/// The committed offset of a consumer group in one partition.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CommittedOffset {
    /// The topic's name.
    pub topic: String,
    /// The partition's number.
    pub partition: i32,
    /// The next offset that the group will read; `None` when the group has not committed.
    pub next: Option<i64>,
}

/// The watermarks of the topics of a lookup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watermarks {
    /// The watermarks of every partition, sorted by topic as given, then by number.
    pub partitions: Vec<PartitionOffsets>,
    /// The topics that the broker does not have, in the given order.
    pub absent: Vec<String>,
    /// Topics and partitions that the broker does not describe, each with the reason.
    pub unreadable: Vec<(String, String)>,
}

/// Returns the watermarks of every partition of `topics`, and the topics that do not exist.
///
/// `properties` are extra librdkafka properties (TLS, SASL, `isolation.level`). Each request waits
/// at most `timeout`. Fails with [`BrokerError::Ask`] or [`BrokerError::Unreachable`] when the
/// broker does not answer.
pub async fn watermarks(
    bootstrap: &str,
    properties: &BTreeMap<String, String>,
    topics: &[String],
    timeout: Duration,
) -> Result<Watermarks, BrokerError> {
    let mut uncommitted = properties.clone();
    uncommitted.insert("isolation.level".to_owned(), "read_uncommitted".to_owned());
    // The ends are read first, so that a record that arrives in between does not look hidden.
    let ends = ask(bootstrap, &uncommitted, None, topics, move |lookup| {
        let mut ends = BTreeMap::new();
        for topic in &lookup.topics {
            for tp in lookup.partitions_of(topic, timeout)?.ok().flatten().unwrap_or_default() {
                // The second lookup reports the partitions that fail here.
                if let Ok((_, end)) =
                    lookup.consumer.fetch_watermarks(&tp.topic, tp.partition, timeout)
                {
                    ends.insert(tp, end);
                }
            }
        }
        Ok(ends)
    })
    .await?;
    ask(bootstrap, properties, None, topics, move |lookup| {
        let mut found =
            Watermarks { partitions: Vec::new(), absent: Vec::new(), unreadable: Vec::new() };
        for topic in &lookup.topics {
            let partitions = match lookup.partitions_of(topic, timeout)? {
                Ok(Some(partitions)) => partitions,
                Ok(None) => {
                    found.absent.push(topic.clone());
                    continue;
                }
                Err(code) => {
                    found.unreadable.push((topic.clone(), code.to_string()));
                    continue;
                }
            };
            for tp in partitions {
                let (low, high) =
                    match lookup.consumer.fetch_watermarks(&tp.topic, tp.partition, timeout) {
                        Ok(watermarks) => watermarks,
                        Err(error) if error.rdkafka_error_code().is_some_and(is_of_partition) => {
                            found.unreadable.push((tp.to_string(), error.to_string()));
                            continue;
                        }
                        Err(source) => return Err(lookup.failed("watermarks", source)),
                    };
                let end = ends.get(&tp).map_or(high, |end| high.max(*end));
                found.partitions.push(PartitionOffsets {
                    topic: tp.topic.to_string(),
                    partition: tp.partition,
                    low,
                    high,
                    end,
                });
            }
        }
        Ok(found)
    })
    .await
}

/// Returns the committed offsets of `group` in every partition of `topics`, sorted as given.
///
/// Fails as [`watermarks`], and with [`BrokerError::UnknownTopic`].
pub async fn committed(
    bootstrap: &str,
    properties: &BTreeMap<String, String>,
    group: &str,
    topics: &[String],
    timeout: Duration,
) -> Result<Vec<CommittedOffset>, BrokerError> {
    ask(bootstrap, properties, Some(group), topics, move |lookup| {
        let partitions = lookup.partitions(timeout)?;
        let mut list = TopicPartitionList::with_capacity(partitions.len());
        for tp in &partitions {
            list.add_partition(&tp.topic, tp.partition);
        }
        let answer = lookup
            .consumer
            .committed_offsets(list, timeout)
            .map_err(|source| lookup.failed("committed offsets", source))?;
        let found = partitions.iter().map(|tp| CommittedOffset {
            topic: tp.topic.to_string(),
            partition: tp.partition,
            next: answer.find_partition(&tp.topic, tp.partition).and_then(|element| match element
                .offset()
            {
                Offset::Offset(next) => Some(next),
                _ => None,
            }),
        });
        Ok(found.collect())
    })
    .await
}

/// Commits the first offset of each partition of a topic for a group without members.
///
/// Returns false when the group has a member, because then only its members can commit.
pub async fn commit_first(
    bootstrap: &str,
    properties: &BTreeMap<String, String>,
    group: &str,
    topic: &str,
    timeout: Duration,
) -> Result<bool, BrokerError> {
    ask(bootstrap, properties, Some(group), &[topic.to_owned()], move |lookup| {
        let mut list = TopicPartitionList::new();
        for tp in lookup.partitions(timeout)? {
            let watermarks = lookup.consumer.fetch_watermarks(&tp.topic, tp.partition, timeout);
            let (low, _) = watermarks.map_err(|source| lookup.failed("watermarks", source))?;
            let added = list.add_partition_offset(&tp.topic, tp.partition, Offset::Offset(low));
            added.map_err(|source| lookup.failed("offsets", source))?;
        }
        match lookup.consumer.commit(&list, CommitMode::Sync) {
            Ok(()) => Ok(true),
            Err(error) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::UnknownMemberId) => {
                Ok(false)
            }
            Err(source) => Err(lookup.failed("commit", source)),
        }
    })
    .await
}

/// Returns whether an error concerns one partition only.
fn is_of_partition(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        code,
        Code::LeaderNotAvailable
            | Code::NotLeaderForPartition
            | Code::TopicAuthorizationFailed
            | Code::UnknownPartition
            | Code::UnknownTopicOrPartition
    )
}

struct Lookup {
    consumer: BaseConsumer<QuietContext>,
    bootstrap: String,
    topics: Vec<String>,
}

/// Runs `question` with a short-lived client.
async fn ask<T: Send + 'static>(
    bootstrap: &str,
    properties: &BTreeMap<String, String>,
    group: Option<&str>,
    topics: &[String],
    question: impl FnOnce(&Lookup) -> Result<T, BrokerError> + Send + 'static,
) -> Result<T, BrokerError> {
    let mut config = client_config(bootstrap, properties, &[("enable.auto.commit", "false")]);
    if let Some(group) = group {
        config.set("group.id", group);
    }
    let (bootstrap, properties) = (bootstrap.to_owned(), properties.clone());
    let topics = topics.to_vec();
    blocking(move || {
        let consumer = config.create_with_context(QuietContext).map_err(BrokerError::Client)?;
        let lookup = Lookup { consumer, bootstrap, topics };
        question(&lookup).map_err(|error| with_reason(error, &lookup.bootstrap, &properties))
    })
    .await
}

impl Lookup {
    fn partitions(&self, timeout: Duration) -> Result<Vec<TopicPartition>, BrokerError> {
        let mut found = Vec::new();
        for topic in &self.topics {
            let partitions = self
                .partitions_of(topic, timeout)?
                .map_err(|code| self.failed("metadata", KafkaError::MetadataFetch(code)))?;
            found.extend(
                partitions.ok_or_else(|| {
                    BrokerError::UnknownTopic(topic.clone(), self.bootstrap.clone())
                })?,
            );
        }
        Ok(found)
    }

    /// Returns the topic's partitions, sorted by number.
    ///
    /// Returns `None` when the broker does not have the topic, and the error code when the broker
    /// reports one for the topic.
    fn partitions_of(
        &self,
        topic: &str,
        timeout: Duration,
    ) -> Result<Result<Option<Vec<TopicPartition>>, RDKafkaErrorCode>, BrokerError> {
        let metadata = self
            .consumer
            .fetch_metadata(Some(topic), timeout)
            .map_err(|source| self.failed("metadata", source))?;
        let Some(known) = metadata.topics().iter().find(|known| known.name() == topic) else {
            return Ok(Ok(None));
        };
        match known.error().map(RDKafkaErrorCode::from) {
            None => {}
            Some(RDKafkaErrorCode::UnknownTopic | RDKafkaErrorCode::UnknownTopicOrPartition) => {
                return Ok(Ok(None));
            }
            Some(code) => return Ok(Err(code)),
        }
        let mut numbers: Vec<_> = known.partitions().iter().map(MetadataPartition::id).collect();
        numbers.sort_unstable();
        Ok(Ok(Some(numbers.into_iter().map(|n| TopicPartition::new(topic, n)).collect())))
    }

    fn failed(&self, what: &'static str, source: KafkaError) -> BrokerError {
        BrokerError::Ask { bootstrap: self.bootstrap.clone(), what, source }
    }
}
