//! Checks that the broker's log agrees with the stored records. It does not after a topic was
//! recreated, or lost its end in an election.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use weir_kafka::{BrokerError, PartitionOffsets, TopicPartition, epoch_ends, identify, watermarks};
use weir_model::KafkaBatch;
use weir_store::{
    OpenedGap, ReadRange, StoreError, Writer,
    identity::{self, Contradiction, Place, StoredIdentity},
};

use crate::poller::{Invoke, InvokeError, PollerConfig, refetch};

/// The timeout of one request to the broker.
const ASK_LIMIT: Duration = Duration::from_secs(5);

/// The reason when the broker does not return the offsets of a partition.
const NO_END: &str = "the broker did not return the end offset of the partition";

/// The reason why no partition could be compared.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IdentityError {
    /// The broker did not answer.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// The database did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Compares partitions with the broker.
pub(crate) struct IdentityCheck {
    writer: Writer,
    config: PollerConfig,
    /// Partitions without a topic id whose last stored record was compared. One comparison per
    /// process is enough, because the poller notices later changes.
    compared: Mutex<BTreeSet<TopicPartition>>,
}

/// Partitions that could not be compared, each with the reason.
type Unknown = BTreeMap<TopicPartition, String>;

/// The result of a comparison.
struct Found {
    contradictions: Vec<Contradiction>,
    unknown: Unknown,
}

/// A partition with its stored identity and the broker's identity.
struct Known {
    at: TopicPartition,
    high: i64,
    stored: StoredIdentity,
    topic_id: Option<String>,
    leader_epoch: Option<i32>,
}

impl IdentityCheck {
    /// Creates the check for the records that `writer` stores and the poller of `config` reads.
    pub(crate) fn new(writer: Writer, config: PollerConfig) -> Self {
        Self { writer, config, compared: Mutex::default() }
    }

    /// Returns for each partition the reason why it must not be read, in the given order. Each
    /// partition is given with the offset after its last record.
    ///
    /// A contradiction is stored in the database until the reset. For a partition without a reason,
    /// the topic id and the leader epoch are stored.
    pub(crate) async fn contradictions(
        &self,
        partitions: &[(TopicPartition, i64)],
    ) -> Result<Vec<Option<String>>, IdentityError> {
        let known = self.known(partitions).await?;
        let Found { contradictions: found, unknown } = self.compare(&known).await?;
        identity::note(&self.writer, &found).await?;
        let lines = known.iter().map(|known| {
            let new = found.iter().find(|found| is_of(found, known));
            let line = known.stored.contradiction.clone().or_else(|| new.map(Contradiction::line));
            // The worker does not read on without a comparison. The next check tries it again.
            line.or_else(|| {
                Some(format!(
                    "cannot compare {} with the broker: {}",
                    known.at,
                    unknown.get(&known.at)?
                ))
            })
        });
        let lines: Vec<Option<String>> = lines.collect();
        let sound: Vec<&Known> = known
            .iter()
            .zip(&lines)
            .filter(|(_, line)| line.is_none())
            .map(|(known, _)| known)
            .collect();
        let places: Vec<Place<'_>> =
            sound.iter().map(|known| (&*known.at.topic, known.at.partition)).collect();
        let ids: Vec<_> = sound.iter().map(|known| known.topic_id.clone()).collect();
        let epochs: Vec<_> = sound.iter().map(|known| known.leader_epoch).collect();
        identity::remember(&self.writer, &places, &ids, &epochs).await?;
        Ok(lines)
    }

    async fn known(
        &self,
        partitions: &[(TopicPartition, i64)],
    ) -> Result<Vec<Known>, IdentityError> {
        let topics = topics_of(partitions.iter().map(|(at, _)| at));
        let identities = identify(&self.config.bootstrap, &self.config.properties, &topics).await?;
        let places: Vec<Place<'_>> =
            partitions.iter().map(|(at, _)| (&*at.topic, at.partition)).collect();
        let stored = identity::read(&self.writer, &places).await?;
        let known = partitions.iter().zip(stored).map(|((at, high), stored)| {
            let identity = identities.iter().find(|identity| *identity.topic == *at.topic);
            Known {
                at: at.clone(),
                high: *high,
                stored,
                topic_id: identity.and_then(|identity| identity.id.clone()),
                leader_epoch: identity
                    .and_then(|identity| identity.leaders.get(&at.partition))
                    .map(|leader| leader.epoch),
            }
        });
        Ok(known.collect())
    }

    /// Compares the partitions that have no stored contradiction.
    async fn compare(&self, known: &[Known]) -> Result<Found, IdentityError> {
        let mut found: Vec<Contradiction> = Vec::new();
        let mut unknown = BTreeMap::new();
        let mut left: Vec<&Known> = Vec::new();
        for known in known.iter().filter(|known| known.stored.contradiction.is_none()) {
            match (&known.stored.topic_id, &known.topic_id) {
                (Some(stored), Some(now)) if stored != now => {
                    let what = format!(
                        "the stored records are of a topic that was deleted and recreated (its id \
                            was {stored} and is now {now})"
                    );
                    found.push(known.contradiction(0, what));
                }
                // A partition without a stored record cannot contradict.
                _ if known.stored.next_offset > 0 => left.push(known),
                _ => {}
            }
        }
        let ended = self.ended(&left, &mut unknown).await?;
        left.retain(|known| !ended.iter().any(|found| is_of(found, known)));
        found.extend(ended);
        let cut = self.cut(&left, &mut unknown).await?;
        left.retain(|known| !cut.iter().any(|found| is_of(found, known)));
        found.extend(cut);
        found.extend(self.other_last(&left, &mut unknown).await?);
        Ok(Found { contradictions: found, unknown })
    }

    /// Returns the partitions whose log ends before their last stored record.
    ///
    /// An open transaction can hide the end of a log from a consumer, so the true end counts.
    async fn ended(
        &self,
        known: &[&Known],
        unknown: &mut Unknown,
    ) -> Result<Vec<Contradiction>, IdentityError> {
        let short: Vec<_> =
            known.iter().filter(|known| known.high < known.stored.next_offset).collect();
        if short.is_empty() {
            return Ok(Vec::new());
        }
        let kept = self.kept(short.iter().map(|known| &known.at)).await?;
        let mut found = Vec::new();
        for known in short {
            let Some(kept) = kept.get(&known.at) else {
                unknown.insert(known.at.clone(), NO_END.to_owned());
                continue;
            };
            if kept.end < known.stored.next_offset {
                let end = kept.end;
                let what = format!("recreated or truncated: the broker's log ends at offset {end}");
                found.push(known.contradiction(end, what));
            }
        }
        Ok(found)
    }

    /// Returns the broker's offsets for all partitions of these topics.
    async fn kept(
        &self,
        partitions: impl Iterator<Item = &TopicPartition>,
    ) -> Result<BTreeMap<TopicPartition, PartitionOffsets>, IdentityError> {
        let kept = watermarks(
            &self.config.bootstrap,
            &self.config.properties,
            &topics_of(partitions),
            ASK_LIMIT,
        )
        .await?;
        Ok(kept
            .partitions
            .into_iter()
            .map(|kept| (TopicPartition::new(&kept.topic, kept.partition), kept))
            .collect())
    }

    /// Returns the partitions whose log lost its end in a leader election. Other records may have
    /// the same offsets by now.
    async fn cut(
        &self,
        known: &[&Known],
        unknown: &mut Unknown,
    ) -> Result<Vec<Contradiction>, IdentityError> {
        let led_by_another: Vec<_> = known
            .iter()
            .filter_map(|known| Some((*known, known.stored.leader_epoch?)))
            .filter(|(known, epoch)| known.leader_epoch.is_some_and(|now| now > *epoch))
            .collect();
        let asked =
            led_by_another.iter().map(|(known, epoch)| (known.at.clone(), *epoch)).collect();
        let ends = epoch_ends(&self.config.bootstrap, &self.config.properties, asked).await?;
        let (mut cut, mut unclear) = (Vec::new(), Vec::new());
        for ((known, _), end) in led_by_another.into_iter().zip(ends) {
            let next = known.stored.next_offset;
            match end {
                Ok(Some(end)) if end < next => cut.push((known, end)),
                Ok(Some(_)) => {}
                // The leader has no record of the epoch, so only the stored records can tell.
                Ok(None) => unclear.push((known, next - 1)),
                // Without an answer the new epoch must not be stored: the comparison would be over.
                Err(why) => drop(unknown.insert(known.at.clone(), why)),
            }
        }
        let epoch = |known: &Known| known.stored.leader_epoch.unwrap_or_default();
        // The records after the end may be of the next epoch already.
        let others = self.others(&cut, true, unknown).await?;
        let mut found: Vec<_> = others
            .into_iter()
            .map(|(known, end, _)| {
                let what = format!(
                    "the broker's log lost its end in an election: leader epoch {} now ends at \
                        offset {end}",
                    epoch(known)
                );
                known.contradiction(end, what)
            })
            .collect();
        let others = self.others(&unclear, false, unknown).await?;
        found.extend(others.into_iter().map(|(known, _, offset)| {
            let what = format!(
                "the broker's log lost its end in an election: it has no record of leader epoch {}",
                epoch(known)
            );
            known.contradiction(offset, what)
        }));
        Ok(found)
    }

    /// Compares the last stored record with the broker's record at its offset. This is for brokers
    /// that do not return topic ids.
    async fn other_last(
        &self,
        known: &[&Known],
        unknown: &mut Unknown,
    ) -> Result<Vec<Contradiction>, IdentityError> {
        let compared = |at: &TopicPartition| {
            self.compared.lock().unwrap_or_else(PoisonError::into_inner).contains(at)
        };
        // The broker returned an id before and returns none now, so it may be another broker. The
        // partition is compared each time.
        let new = known.iter().filter(|known| {
            known.topic_id.is_none() && (known.stored.topic_id.is_some() || !compared(&known.at))
        });
        let new: Vec<_> = new.map(|known| (*known, known.stored.next_offset - 1)).collect();
        let others = self.others(&new, false, unknown).await?;
        let answered =
            new.iter().map(|(known, _)| known.at.clone()).filter(|at| !unknown.contains_key(at));
        self.compared.lock().unwrap_or_else(PoisonError::into_inner).extend(answered);
        let what = "recreated or truncated: the broker has a different record at the last stored \
            offset";
        Ok(others
            .into_iter()
            .map(|(known, _, offset)| known.contradiction(offset, what.to_owned()))
            .collect())
    }

    /// Finds the stored record next to each given offset, and compares it with the broker's record.
    /// Returns the places where the broker has a different record or none.
    async fn others<'k>(
        &self,
        places: &[(&'k Known, i64)],
        upwards: bool,
        unknown: &mut Unknown,
    ) -> Result<Vec<(&'k Known, i64, i64)>, IdentityError> {
        if places.is_empty() {
            return Ok(Vec::new());
        }
        let kept = self.kept(places.iter().map(|(known, _)| &known.at)).await?;
        let (mut others, mut asked) = (Vec::new(), Vec::new());
        for (known, from) in places {
            let place = (&*known.at.topic, known.at.partition);
            let stored = identity::stored_record(&self.writer, place, *from, upwards).await?;
            let Some((offset, content)) = stored else { continue };
            let Some(kept) = kept.get(&known.at) else {
                unknown.insert(known.at.clone(), NO_END.to_owned());
                continue;
            };
            if offset >= kept.end {
                others.push((*known, *from, offset));
            } else if (kept.low..kept.high).contains(&offset) {
                // A record that retention deleted, or that a transaction hides, cannot be compared.
                asked.push((*known, *from, offset, content));
            }
        }
        let reader = Arc::new(ChecksumReader::default());
        let handler: Arc<dyn Invoke> = reader.clone();
        let ranges = asked
            .iter()
            .map(|(known, _, offset, _)| (known.at.clone(), *offset..offset + 1))
            .collect();
        let failed = refetch(&self.config, &handler, ranges, |_, _| {}).await.err();
        let now = reader.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (known, from, offset, content) in asked {
            match (now.get(&(known.at.clone(), offset)), &failed) {
                (Some((checksum, timestamp_ms)), _)
                    if !content.may_be(*checksum, *timestamp_ms) =>
                {
                    others.push((known, from, offset));
                }
                // A record that compaction deleted does not contradict.
                (Some(_), _) | (None, None) => {}
                (None, Some(error)) => drop(unknown.insert(known.at.clone(), error.to_string())),
            }
        }
        Ok(others)
    }
}

impl Known {
    fn contradiction(&self, first: i64, what: String) -> Contradiction {
        Contradiction {
            topic: self.at.topic.to_string(),
            partition: self.at.partition,
            first,
            end: self.stored.next_offset,
            what,
        }
    }
}

fn topics_of<'t>(partitions: impl Iterator<Item = &'t TopicPartition>) -> Vec<String> {
    let topics: BTreeSet<&str> = partitions.map(|at| &*at.topic).collect();
    topics.into_iter().map(str::to_owned).collect()
}

fn is_of(found: &Contradiction, known: &Known) -> bool {
    (found.topic.as_str(), found.partition) == (&*known.at.topic, known.at.partition)
}

/// Collects the checksums and timestamps of records. It stores nothing in the database.
#[derive(Default)]
struct ChecksumReader(Mutex<BTreeMap<(TopicPartition, i64), (u128, i64)>>);

#[async_trait]
impl Invoke for ChecksumReader {
    async fn invoke(
        &self,
        event: Bytes,
        _: &[ReadRange],
        _: Duration,
    ) -> Result<Vec<OpenedGap>, InvokeError> {
        let batch = KafkaBatch::parse(&event).map_err(InvokeError::new)?;
        let records = batch.coordinates().enumerate();
        let records = records.map(|(index, (topic, partition, offset, checksum))| {
            let content = (checksum, batch.timestamp_ms(index));
            ((TopicPartition::new(topic, partition), offset), content)
        });
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(records);
        Ok(Vec::new())
    }
}
