//! The requests that describe topics, and that ask where leader epochs end.

use std::collections::BTreeMap;

use anyhow::Result;
use data_encoding::BASE64URL_NOPAD;

use super::{
    TOPIC_AUTHORIZATION_FAILED, UNKNOWN_TOPIC,
    connection::{Address, Connection, NONE, Request},
    encoding::{Answer, array, compact_length, compact_text, text},
    first_answer,
    security::Security,
};
use crate::{
    EpochEnd, TopicPartition,
    topics::identity::{Leader, TopicIdentity, TopicState},
};

const METADATA_WITH_IDS: Request = (3, 12);
const OFFSET_FOR_LEADER_EPOCH: Request = (23, 3);

/// A cluster's description of topics.
pub(in crate::topics) struct Described {
    pub topics: Vec<TopicIdentity>,
    brokers: BTreeMap<i32, Address>,
}

/// Describes topics by name. Blocks. Returns the connection too.
pub(in crate::topics) fn describe(
    bootstrap: &str,
    security: &Security,
    topics: &[String],
) -> Result<(Option<Described>, Connection)> {
    first_answer(bootstrap, security, |broker| describe_over(broker, topics))
}

/// Describes topics by name over this connection. Blocks.
///
/// `None`: the broker does not support the request, because it is older than Kafka 2.8.
pub(in crate::topics) fn describe_over(
    broker: &mut Connection,
    topics: &[String],
) -> Result<Option<Described>> {
    let is_known = broker.supports(METADATA_WITH_IDS)?;
    is_known.then(|| describe_with_ids(broker, topics)).transpose()
}

fn describe_with_ids(broker: &mut Connection, topics: &[String]) -> Result<Described> {
    let mut body = compact_length(topics.len())?;
    for topic in topics {
        body.extend([0; 16]); // Null id: the topic is given by its name.
        body.extend(compact_text(topic)?);
        body.push(0);
    }
    body.extend([0, 0, 0]); // Do not create topics; no authorized operations; no tags.
    let mut answer = broker.ask_compact(METADATA_WITH_IDS, &body)?;
    answer.int32()?; // throttle time
    let mut brokers = BTreeMap::new();
    for _ in 0..answer.compact_length()? {
        let id = answer.int32()?;
        let host = answer.compact_text()?.unwrap_or_default();
        let address = Address { host, port: u16::try_from(answer.int32()?)? };
        answer.compact_text()?; // rack
        answer.tags()?;
        brokers.insert(id, address);
    }
    answer.compact_text()?; // cluster
    answer.int32()?; // controller
    let mut found = Vec::new();
    for _ in 0..answer.compact_length()? {
        let (code, topic) = (answer.int16()?, answer.compact_text()?.unwrap_or_default());
        let id: [u8; 16] = answer.take(16)?.try_into()?;
        answer.take(1)?; // internal
        let mut leaders = BTreeMap::new();
        for _ in 0..answer.compact_length()? {
            answer.int16()?; // error
            let (partition, id, epoch) = (answer.int32()?, answer.int32()?, answer.int32()?);
            for _ in 0..3 {
                let replicas = answer.compact_length()?;
                answer.take(4 * replicas)?;
            }
            answer.tags()?;
            leaders.insert(partition, Leader { id, epoch });
        }
        answer.int32()?; // authorized operations
        answer.tags()?;
        let state = match code {
            NONE => TopicState::There,
            UNKNOWN_TOPIC => TopicState::Absent,
            TOPIC_AUTHORIZATION_FAILED => TopicState::Forbidden,
            code => TopicState::Unclear(format!("error {code}")),
        };
        let id = (id != [0; 16]).then(|| BASE64URL_NOPAD.encode(&id));
        found.push(TopicIdentity { topic, state, id, leaders });
    }
    Ok(Described { topics: found, brokers })
}

/// Asks the leaders of the partitions where their leader epochs end. Blocks.
///
/// The answers have the order of `asked`. A leader that does not answer, and an error code of one
/// partition, concern only their own partitions.
pub(in crate::topics) fn epoch_ends(
    described: &Described,
    security: &Security,
    asked: &[(TopicPartition, i32)],
) -> Vec<EpochEnd> {
    let mut by_leader: BTreeMap<i32, Vec<&(TopicPartition, i32)>> = BTreeMap::new();
    for place in asked {
        let (at, _) = place;
        let topic = described.topics.iter().find(|topic| topic.topic == *at.topic);
        let leader = topic.and_then(|topic| topic.leaders.get(&at.partition));
        if let Some(leader) = leader {
            by_leader.entry(leader.id).or_default().push(place);
        }
    }
    let mut ends = BTreeMap::new();
    for (leader, places) in by_leader {
        let Some(address) = described.brokers.get(&leader) else { continue };
        let answer = Connection::open(address, security)
            .and_then(|mut broker| epoch_ends_at(&mut broker, &places));
        let why = match &answer {
            Ok(_) => format!("broker {address} did not answer for the partition"),
            Err(error) => format!("broker {address}: {error:#}"),
        };
        let mut answer = answer.unwrap_or_default();
        for (at, _) in places {
            let end = answer.remove(at).unwrap_or_else(|| Err(why.clone()));
            ends.insert(at, end);
        }
    }
    // Kafka sends the leader -1 where no broker leads the partition.
    let no_leader = || Err("the partition has no leader".to_owned());
    asked.iter().map(|(at, _)| ends.get(at).cloned().unwrap_or_else(no_leader)).collect()
}

fn epoch_ends_at(
    broker: &mut Connection,
    places: &[&(TopicPartition, i32)],
) -> Result<BTreeMap<TopicPartition, EpochEnd>> {
    let mut body = (-1_i32).to_be_bytes().to_vec(); // A consumer asks.
    body.extend(array(places.len())?);
    for (at, epoch) in places {
        body.extend([text(&at.topic)?, array(1)?].concat());
        body.extend(
            [at.partition.to_be_bytes(), (-1_i32).to_be_bytes(), epoch.to_be_bytes()].concat(),
        );
    }
    let mut answer = Answer::new(broker.ask(OFFSET_FOR_LEADER_EPOCH, &body)?);
    answer.int32()?; // throttle time
    let mut ends = BTreeMap::new();
    for _ in 0..answer.int32()? {
        let topic = answer.text()?.unwrap_or_default();
        for _ in 0..answer.int32()? {
            let (code, partition) = (answer.int16()?, answer.int32()?);
            answer.int32()?; // leader epoch of the end offset
            let end = answer.int64()?;
            let end = match code {
                NONE => Ok((end >= 0).then_some(end)),
                code => Err(format!("the leader answered with error {code}")),
            };
            ends.insert(TopicPartition::new(&topic, partition), end);
        }
    }
    Ok(ends)
}
