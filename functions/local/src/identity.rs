//! Whether the broker still has what is stored: a topic that was made again, a log that lost its end.

use std::{
    collections::BTreeSet,
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use weir_kafka::{BrokerError, TopicPartition, epoch_ends, identify, watermarks};
use weir_model::KafkaBatch;
use weir_store::{
    OpenedGap, ReadRange, StoreError, Writer,
    identity::{self, Contradiction, Place, StoredIdentity},
};

use crate::poller::{Invoke, InvokeError, PollerConfig, RefetchError, refetch};

/// How long the broker may take to answer one question.
const ASK_LIMIT: Duration = Duration::from_secs(5);

/// Why nothing could be compared.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IdentityError {
    /// The broker did not answer.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// A record did not come.
    #[error(transparent)]
    Record(#[from] RefetchError),
    /// The database did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Compares partitions with the broker.
pub(crate) struct IdentityCheck {
    writer: Writer,
    config: PollerConfig,
    /// Partitions without an id whose last stored record was compared: once is enough for a process, which hears of what happens later.
    compared: Mutex<BTreeSet<TopicPartition>>,
}

/// What is known of a partition.
struct Known {
    at: TopicPartition,
    high: i64,
    stored: StoredIdentity,
    topic_id: Option<String>,
    leader_epoch: Option<i32>,
}

impl IdentityCheck {
    /// Of what `writer` stores and the poller of `config` reads.
    pub(crate) fn new(writer: Writer, config: PollerConfig) -> Self {
        Self { writer, config, compared: Mutex::default() }
    }

    /// Why partitions must not be read on, in the order given: each with the offset behind its last record. What is found is kept in the
    /// database until the reset; where nothing is, ids and leader epochs are.
    pub(crate) async fn contradictions(&self, partitions: &[(TopicPartition, i64)]) -> Result<Vec<Option<String>>, IdentityError> {
        let known = self.known(partitions).await?;
        let found = self.compare(&known).await?;
        identity::note(&self.writer, &found).await?;
        let lines = known.iter().map(|known| {
            let new = found.iter().find(|found| is_of(found, known));
            known.stored.contradiction.clone().or_else(|| new.map(Contradiction::line))
        });
        let lines: Vec<Option<String>> = lines.collect();
        let sound: Vec<&Known> = known.iter().zip(&lines).filter(|(_, line)| line.is_none()).map(|(known, _)| known).collect();
        let places: Vec<Place<'_>> = sound.iter().map(|known| (&*known.at.topic, known.at.partition)).collect();
        let ids: Vec<_> = sound.iter().map(|known| known.topic_id.clone()).collect();
        let epochs: Vec<_> = sound.iter().map(|known| known.leader_epoch).collect();
        identity::remember(&self.writer, &places, &ids, &epochs).await?;
        Ok(lines)
    }

    async fn known(&self, partitions: &[(TopicPartition, i64)]) -> Result<Vec<Known>, IdentityError> {
        let topics: BTreeSet<&str> = partitions.iter().map(|(at, _)| &*at.topic).collect();
        let topics: Vec<String> = topics.into_iter().map(str::to_owned).collect();
        let identities = identify(&self.config.bootstrap, &self.config.properties, &topics).await?;
        let places: Vec<Place<'_>> = partitions.iter().map(|(at, _)| (&*at.topic, at.partition)).collect();
        let stored = identity::read(&self.writer, &places).await?;
        let known = partitions.iter().zip(stored).map(|((at, high), stored)| {
            let identity = identities.iter().find(|identity| *identity.topic == *at.topic);
            Known {
                at: at.clone(),
                high: *high,
                stored,
                topic_id: identity.and_then(|identity| identity.id.clone()),
                leader_epoch: identity.and_then(|identity| identity.leaders.get(&at.partition)).map(|leader| leader.epoch),
            }
        });
        Ok(known.collect())
    }

    /// What is found now.
    async fn compare(&self, known: &[Known]) -> Result<Vec<Contradiction>, IdentityError> {
        let mut found: Vec<Contradiction> = Vec::new();
        let mut left: Vec<&Known> = Vec::new();
        for known in known.iter().filter(|known| known.stored.contradiction.is_none()) {
            match (&known.stored.topic_id, &known.topic_id) {
                (Some(stored), Some(now)) if stored != now => {
                    let what = format!("what is stored is of a topic that was deleted, and made again (its id was {stored}, and is {now})");
                    found.push(known.contradiction(0, what));
                }
                // Of a topic that has an id none of it contradicts, before anything is stored.
                _ if known.stored.next_offset > 0 => left.push(known),
                _ => {}
            }
        }
        let ended = self.ended(&left).await?;
        left.retain(|known| !ended.iter().any(|found| is_of(found, known)));
        found.extend(ended);
        let cut = self.cut(&left).await?;
        left.retain(|known| !cut.iter().any(|found| is_of(found, known)));
        found.extend(cut);
        found.extend(self.other_last(&left).await?);
        Ok(found)
    }

    /// Logs that end before what is stored of them does. Where a consumer gets less than there is, the true end counts.
    async fn ended(&self, known: &[&Known]) -> Result<Vec<Contradiction>, IdentityError> {
        let short: Vec<_> = known.iter().filter(|known| known.high < known.stored.next_offset).collect();
        if short.is_empty() {
            return Ok(Vec::new());
        }
        let topics: BTreeSet<String> = short.iter().map(|known| known.at.topic.to_string()).collect();
        let topics: Vec<String> = topics.into_iter().collect();
        let kept = watermarks(&self.config.bootstrap, &self.config.properties, &topics, ASK_LIMIT).await?;
        let found = short.into_iter().filter_map(|known| {
            let kept = kept.partitions.iter().find(|kept| *kept.topic == *known.at.topic && kept.partition == known.at.partition)?;
            let what = format!("recreated or truncated: the broker's log ends at offset {}", kept.end);
            (kept.end < known.stored.next_offset).then(|| known.contradiction(kept.end, what))
        });
        Ok(found.collect())
    }

    /// Logs that lost their end when another broker began to lead them, and have got something else since.
    async fn cut(&self, known: &[&Known]) -> Result<Vec<Contradiction>, IdentityError> {
        let led_anew: Vec<_> = known
            .iter()
            .filter_map(|known| Some((*known, known.stored.leader_epoch?)))
            .filter(|(known, epoch)| known.leader_epoch.is_some_and(|now| now > *epoch))
            .collect();
        let asked = led_anew.iter().map(|(known, epoch)| (known.at.clone(), *epoch)).collect();
        let ends = epoch_ends(&self.config.bootstrap, &self.config.properties, asked).await?;
        let mut found = Vec::new();
        for (known, epoch) in led_anew {
            let Some(end) = ends.get(&known.at).copied().filter(|end| *end < known.stored.next_offset) else { continue };
            // What is stored behind it may be of the next epoch already.
            if let Some(offset) = self.first_other(known, end, true).await? {
                let what = format!("the broker's log lost its end in an election: leader epoch {epoch} ends at offset {end}");
                found.push(known.contradiction(offset.min(end.max(0)), what));
            }
        }
        Ok(found)
    }

    /// Where the broker tells no ids: another record at the last offset that is stored.
    async fn other_last(&self, known: &[&Known]) -> Result<Vec<Contradiction>, IdentityError> {
        let mut found = Vec::new();
        for known in known.iter().filter(|known| known.topic_id.is_none()) {
            if self.compared.lock().unwrap_or_else(PoisonError::into_inner).contains(&known.at) {
                continue;
            }
            if let Some(offset) = self.first_other(known, known.stored.next_offset - 1, false).await? {
                let what = "recreated or truncated: the broker has another record at the last offset that is stored".to_owned();
                found.push(known.contradiction(offset, what));
            }
            self.compared.lock().unwrap_or_else(PoisonError::into_inner).insert(known.at.clone());
        }
        Ok(found)
    }

    /// The offset of the stored record next to `from`, if the broker has another one there, or none.
    async fn first_other(&self, known: &Known, from: i64, upwards: bool) -> Result<Option<i64>, IdentityError> {
        let place = (&*known.at.topic, known.at.partition);
        let Some((offset, checksum)) = identity::stored_record(&self.writer, place, from, upwards).await? else { return Ok(None) };
        let topics = [known.at.topic.to_string()];
        let kept = watermarks(&self.config.bootstrap, &self.config.properties, &topics, ASK_LIMIT).await?;
        let Some(kept) = kept.partitions.iter().find(|kept| kept.partition == known.at.partition) else { return Ok(None) };
        // What retention took cannot be compared.
        if offset < kept.low {
            return Ok(None);
        }
        if offset >= kept.high {
            return Ok((offset >= kept.end).then_some(offset));
        }
        let now = self.checksum_at(&known.at, offset..offset + 1).await?;
        // A record that compaction took is none that contradicts.
        Ok(now.filter(|now| *now != checksum).map(|_| offset))
    }

    async fn checksum_at(&self, at: &TopicPartition, range: Range<i64>) -> Result<Option<u128>, IdentityError> {
        let reader = Arc::new(ChecksumReader::default());
        let handler: Arc<dyn Invoke> = reader.clone();
        refetch(&self.config, &handler, vec![(at.clone(), range)], |_, _| {}).await?;
        Ok(*reader.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Known {
    fn contradiction(&self, first: i64, what: String) -> Contradiction {
        Contradiction { topic: self.at.topic.to_string(), partition: self.at.partition, first, end: self.stored.next_offset, what }
    }
}

fn is_of(found: &Contradiction, known: &Known) -> bool {
    (found.topic.as_str(), found.partition) == (&*known.at.topic, known.at.partition)
}

/// Takes a record, stores nothing, and keeps its checksum.
#[derive(Default)]
struct ChecksumReader(Mutex<Option<u128>>);

#[async_trait]
impl Invoke for ChecksumReader {
    async fn invoke(&self, event: Bytes, _: &[ReadRange], _: Duration) -> Result<Vec<OpenedGap>, InvokeError> {
        let batch = KafkaBatch::parse(&event).map_err(InvokeError::new)?;
        let checksum = batch.coordinates().next().map(|(_, _, _, checksum)| checksum);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = checksum;
        Ok(Vec::new())
    }
}
