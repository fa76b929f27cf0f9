//! Lookups of the first and last offsets of partitions, and of committed offsets.

use std::{collections::BTreeMap, time::Duration};

use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext},
    error::{KafkaError, KafkaResult},
    types::RDKafkaErrorCode,
};

use crate::{
    BrokerError, QuietContext, TopicPartition, client::blocking, client_config, topics::with_reason,
};

/// The number of timeouts after which no other partition is asked.
const TIMEOUTS_MAX: usize = 3;

/// The reason for a partition that was not asked.
const NOT_ASKED: &str = "not asked, because three other partitions did not answer in time";

/// The reason for a partition without a leader.
const NO_LEADER: &str = "the partition has no leader";

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
    /// Topics and partitions without an answer, each with the reason: the broker does not describe
    /// them, or the leader does not answer.
    pub unreadable: Vec<(String, String)>,
}

/// Returns the watermarks of every partition of `topics`, and the topics that do not exist.
///
/// `properties` are extra librdkafka properties (TLS, SASL, `isolation.level`). Each request waits
/// at most `timeout`. A partition without an answer does not stop the others. Fails with
/// [`BrokerError::Ask`] or [`BrokerError::Unreachable`] when no broker describes the topics.
pub async fn watermarks(
    bootstrap: &str,
    properties: &BTreeMap<String, String>,
    topics: &[String],
    timeout: Duration,
) -> Result<Watermarks, BrokerError> {
    let mut uncommitted = properties.clone();
    uncommitted.insert("isolation.level".to_owned(), "read_uncommitted".to_owned());
    // The ends are read first, so that a record that arrives in between does not look hidden.
    let (mut found, ends) = ask(bootstrap, &uncommitted, None, topics, move |lookup| {
        let (mut found, led) = lookup.described(timeout)?;
        let answers = lookup.answered(&led, timeout, &mut found);
        let ends = led.into_iter().zip(answers).filter_map(|(at, answer)| {
            let (_, end) = answer?;
            Some((at, end))
        });
        Ok((found, ends.collect::<Vec<_>>()))
    })
    .await?;
    ask(bootstrap, properties, None, topics, move |lookup| {
        let (asked, ends): (Vec<_>, Vec<_>) = ends.into_iter().unzip();
        let answers = lookup.answered(&asked, timeout, &mut found);
        for ((at, end), answer) in asked.into_iter().zip(ends).zip(answers) {
            let Some((low, high)) = answer else { continue };
            found.partitions.push(PartitionOffsets {
                topic: at.topic.to_string(),
                partition: at.partition,
                low,
                high,
                end: high.max(end),
            });
        }
        Ok(found)
    })
    .await
}

/// Asks the leader of each partition for its watermarks, low and high. The answers have the order
/// of `partitions`.
///
/// An error concerns its partition only, because the next one can have another leader. After the
/// third timeout no other partition is asked, and the answers end.
pub fn watermarks_of<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    partitions: &[TopicPartition],
    timeout: Duration,
) -> Vec<KafkaResult<(i64, i64)>> {
    let mut answers = Vec::with_capacity(partitions.len());
    let mut timeouts = 0;
    for at in partitions {
        let answer = consumer.fetch_watermarks(&at.topic, at.partition, timeout);
        timeouts += usize::from(answer.as_ref().is_err_and(is_timeout));
        answers.push(answer);
        if timeouts >= TIMEOUTS_MAX {
            break;
        }
    }
    answers
}

fn is_timeout(error: &KafkaError) -> bool {
    error.rdkafka_error_code() == Some(RDKafkaErrorCode::OperationTimedOut)
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

struct KnownPartition {
    at: TopicPartition,
    /// Kafka sends the leader -1 where no broker leads the partition.
    has_leader: bool,
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
        let context = QuietContext::of(&properties)?;
        let consumer = config.create_with_context(context).map_err(BrokerError::Client)?;
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
            let partitions = partitions
                .ok_or_else(|| BrokerError::UnknownTopic(topic.clone(), self.bootstrap.clone()))?;
            found.extend(partitions.into_iter().map(|known| known.at));
        }
        Ok(found)
    }

    /// Returns the partitions that have a leader, sorted by topic as given, then by number, and the
    /// other topics and partitions as [`Watermarks`] without partitions.
    ///
    /// librdkafka would wait for a leader until the timeout.
    fn described(
        &self,
        timeout: Duration,
    ) -> Result<(Watermarks, Vec<TopicPartition>), BrokerError> {
        let mut others =
            Watermarks { partitions: Vec::new(), absent: Vec::new(), unreadable: Vec::new() };
        let mut led = Vec::new();
        for topic in &self.topics {
            match self.partitions_of(topic, timeout)? {
                Ok(Some(partitions)) => {
                    for KnownPartition { at, has_leader } in partitions {
                        if has_leader {
                            led.push(at);
                        } else {
                            others.unreadable.push((at.to_string(), NO_LEADER.to_owned()));
                        }
                    }
                }
                Ok(None) => others.absent.push(topic.clone()),
                Err(code) => others.unreadable.push((topic.clone(), code.to_string())),
            }
        }
        Ok((others, led))
    }

    /// Returns the watermarks of each partition. Partitions without an answer are added to `found`.
    fn answered(
        &self,
        partitions: &[TopicPartition],
        timeout: Duration,
        found: &mut Watermarks,
    ) -> Vec<Option<(i64, i64)>> {
        let mut answers = watermarks_of(&self.consumer, partitions, timeout).into_iter();
        let answered = partitions.iter().map(|at| {
            let why = match answers.next() {
                Some(Ok(watermarks)) => return Some(watermarks),
                Some(Err(error)) => error.to_string(),
                None => NOT_ASKED.to_owned(),
            };
            found.unreadable.push((at.to_string(), why));
            None
        });
        answered.collect()
    }

    /// Returns the topic's partitions, sorted by number.
    ///
    /// Returns `None` when the broker does not have the topic, and the error code when the broker
    /// reports one for the topic.
    fn partitions_of(
        &self,
        topic: &str,
        timeout: Duration,
    ) -> Result<Result<Option<Vec<KnownPartition>>, RDKafkaErrorCode>, BrokerError> {
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
        let mut partitions: Vec<_> = known
            .partitions()
            .iter()
            .map(|partition| KnownPartition {
                at: TopicPartition::new(topic, partition.id()),
                has_leader: partition.leader() >= 0,
            })
            .collect();
        partitions.sort_unstable_by_key(|known| known.at.partition);
        Ok(Ok(Some(partitions)))
    }

    fn failed(&self, what: &'static str, source: KafkaError) -> BrokerError {
        BrokerError::Ask { bootstrap: self.bootstrap.clone(), what, source }
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::mocking::MockCluster;

    use super::*;

    /// Long enough for an answer of a broker in this process.
    const TIMEOUT: Duration = Duration::from_secs(1);
    const TOPIC: &str = "t";

    /// Starts two brokers. The leaders of the topic's partitions are given; broker 2 answers too
    /// late. (For a broker that is down, librdkafka 2.12 answers at once "Local: Unknown
    /// partition".)
    fn cluster(
        leaders: &[Option<i32>],
    ) -> MockCluster<'static, impl rdkafka::ClientContext + use<>> {
        let cluster = MockCluster::new(2).expect("brokers");
        let partitions = i32::try_from(leaders.len()).expect("few");
        cluster.create_topic(TOPIC, partitions, 2).expect("a topic");
        for (partition, leader) in (0..).zip(leaders) {
            cluster.partition_leader(TOPIC, partition, *leader).expect("a leader");
        }
        cluster.broker_round_trip_time(2, 10 * TIMEOUT).expect("late");
        cluster
    }

    async fn found(leaders: &[Option<i32>]) -> (Vec<i32>, Vec<(String, String)>) {
        let cluster = cluster(leaders);
        let topics = [TOPIC.to_owned()];
        let found = watermarks(&cluster.bootstrap_servers(), &BTreeMap::new(), &topics, TIMEOUT)
            .await
            .expect("watermarks");
        (found.partitions.into_iter().map(|found| found.partition).collect(), found.unreadable)
    }

    #[tokio::test]
    async fn a_partition_without_an_answer_is_named_and_stops_no_other() {
        let (partitions, unreadable) = found(&[Some(2), Some(1), None, Some(1)]).await;
        assert_eq!(partitions, [1, 3]);
        let [(leaderless, no_leader), (silent, timed_out)] = &unreadable[..] else {
            panic!("{unreadable:?}");
        };
        assert_eq!((leaderless.as_str(), no_leader.as_str()), ("t-2", NO_LEADER));
        assert!(silent == "t-0" && timed_out.contains("imed out"), "{unreadable:?}");
    }

    #[tokio::test]
    async fn after_three_timeouts_no_other_partition_is_asked() {
        let (partitions, unreadable) = found(&[Some(2), Some(2), Some(2), Some(1)]).await;
        assert!(partitions.is_empty(), "{partitions:?}");
        let names: Vec<_> = unreadable.iter().map(|(at, _)| at.as_str()).collect();
        assert_eq!(names, ["t-0", "t-1", "t-2", "t-3"]);
        assert_eq!(unreadable[3].1, NOT_ASKED);
    }
}
