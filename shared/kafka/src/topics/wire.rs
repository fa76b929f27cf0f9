//! Requests of Kafka's own protocol.
//!
//! The requests that create topics are for MSK clusters with IAM. librdkafka's admin client cannot
//! use a token, because only producers and consumers receive the event for its refresh, and MSK
//! Serverless supports only IAM. The requests for topic ids and for the ends of leader epochs are
//! here because the Rust binding of librdkafka has no calls for them. Source:
//! <https://kafka.apache.org/protocol>
//!
//! Kafka 2.4 to 4 support the versions of these requests. All of them precede the compact
//! encodings, except for the request with topic ids, which is new in Kafka 2.8.

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::{TcpStream, ToSocketAddrs},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use data_encoding::BASE64URL_NOPAD;

use super::identity::{EpochEnds, Leader, TopicIdentity, TopicState};
use crate::TopicPartition;

/// The timeout of a request to a broker.
const ASK_LIMIT: Duration = Duration::from_secs(30);
/// The longest answer that is accepted.
const ANSWER_BYTES_MAX: usize = 16 << 20;
/// The same timeout in milliseconds, for `CreateTopics`.
const CREATE_LIMIT_MS: i32 = 30_000;

const METADATA: (i16, i16) = (3, 4);
const SASL_HANDSHAKE: (i16, i16) = (17, 1);
const CREATE_TOPICS: (i16, i16) = (19, 4);
const SASL_AUTHENTICATE: (i16, i16) = (36, 0);
const METADATA_WITH_IDS: (i16, i16) = (3, 12);
const OFFSET_FOR_LEADER_EPOCH: (i16, i16) = (23, 3);

/// Error codes of the protocol.
const NONE: i16 = 0;
const UNKNOWN_TOPIC: i16 = 3;
const TOPIC_AUTHORIZATION_FAILED: i16 = 29;
const TOPIC_ALREADY_EXISTS: i16 = 36;
const NOT_CONTROLLER: i16 = 41;

/// A cluster's description of topics.
pub(super) struct Described {
    pub topics: Vec<TopicIdentity>,
    /// The `host:port` of each broker.
    brokers: BTreeMap<i32, String>,
}

/// Describes topics by name. Blocks.
pub(super) fn describe(bootstrap: &str, topics: &[String]) -> Result<Described> {
    let mut reasons = Vec::new();
    for address in bootstrap.split(',').map(str::trim).filter(|a| !a.is_empty()) {
        match Broker::connect(address, &Security::Plain)
            .and_then(|mut broker| broker.describe(topics))
        {
            Ok(described) => return Ok(described),
            Err(error) => reasons.push(format!("{address}: {error:#}")),
        }
    }
    bail!("no broker described the topics: {}", reasons.join("; "))
}

/// Asks the leaders of the partitions where their leader epochs end. Blocks.
///
/// The answer has an entry for each asked partition. A leader that does not answer, and an error
/// code of one partition, concern only their own partitions.
pub(super) fn epoch_ends(described: &Described, asked: &[(TopicPartition, i32)]) -> EpochEnds {
    let mut ends = EpochEnds::new();
    let mut by_leader: BTreeMap<i32, Vec<&(TopicPartition, i32)>> = BTreeMap::new();
    for place in asked {
        let (at, _) = place;
        let topic = described.topics.iter().find(|topic| topic.topic == *at.topic);
        let leader = topic.and_then(|topic| topic.leaders.get(&at.partition));
        // Kafka sends the id -1 where no broker leads the partition.
        match leader.filter(|leader| described.brokers.contains_key(&leader.id)) {
            Some(leader) => by_leader.entry(leader.id).or_default().push(place),
            None => drop(ends.insert(at.clone(), Err("the partition has no leader".to_owned()))),
        }
    }
    for (leader, places) in by_leader {
        let address = &described.brokers[&leader];
        let answer = Broker::connect(address, &Security::Plain)
            .and_then(|mut broker| broker.epoch_ends(&places));
        let why = match &answer {
            Ok(_) => format!("broker {address} did not answer for the partition"),
            Err(error) => format!("broker {address}: {error:#}"),
        };
        let mut answer = answer.unwrap_or_default();
        for (at, _) in places {
            let end = answer.remove(at).unwrap_or_else(|| Err(why.clone()));
            ends.insert(at.clone(), end);
        }
    }
    ends
}

/// The security of a connection to a broker.
pub(super) enum Security<'t> {
    /// No TLS and no authentication.
    Plain,
    /// TLS, and a token of MSK's IAM.
    Token(&'t str),
}

trait Stream: Read + Write + Send {}
impl<S: Read + Write + Send> Stream for S {}

struct Broker {
    stream: Box<dyn Stream>,
    sent: i32,
}

/// Creates the missing topics and returns their names. Blocks.
pub(super) fn create_missing(
    bootstrap: &str,
    security: &Security<'_>,
    topics: &[String],
    partitions: i32,
) -> Result<Vec<String>> {
    let mut reasons = Vec::new();
    for address in bootstrap.split(',').map(str::trim).filter(|a| !a.is_empty()) {
        let made = Broker::connect(address, security)
            .and_then(|mut broker| broker.create_missing(security, topics, partitions));
        match made {
            Ok(made) => return Ok(made),
            Err(error) => reasons.push(format!("{address}: {error:#}")),
        }
    }
    bail!("no broker created the topics: {}", reasons.join("; "))
}

impl Broker {
    fn connect(address: &str, security: &Security<'_>) -> Result<Self> {
        let (host, _) = address.rsplit_once(':').context("the address is not HOST:PORT")?;
        let mut last = None;
        for place in address.to_socket_addrs()? {
            match TcpStream::connect_timeout(&place, ASK_LIMIT) {
                Ok(socket) => return Self::of(socket, host, security),
                Err(error) => last = Some(error),
            }
        }
        Err(last.map_or_else(|| anyhow::anyhow!("the host name has no address"), Into::into))
    }

    fn of(socket: TcpStream, host: &str, security: &Security<'_>) -> Result<Self> {
        socket.set_read_timeout(Some(ASK_LIMIT))?;
        socket.set_write_timeout(Some(ASK_LIMIT))?;
        let Security::Token(token) = security else {
            return Ok(Self { stream: Box::new(socket), sent: 0 });
        };
        let tls = native_tls::TlsConnector::new()?
            .connect(host, socket)
            .map_err(|error| anyhow::anyhow!("TLS: {error}"))?;
        let mut broker = Self { stream: Box::new(tls), sent: 0 };
        let mut answer = Answer::new(broker.ask(SASL_HANDSHAKE, &text("OAUTHBEARER")?)?);
        let code = answer.int16()?;
        ensure!(code == NONE, "the broker does not support OAUTHBEARER (error {code})");
        // RFC 7628, 3.1.
        let first = format!("n,,\u{1}auth=Bearer {token}\u{1}\u{1}");
        let length = i32::try_from(first.len())?.to_be_bytes();
        let mut answer =
            Answer::new(broker.ask(SASL_AUTHENTICATE, &[&length[..], first.as_bytes()].concat())?);
        let code = answer.int16()?;
        ensure!(
            code == NONE,
            "the broker rejected the token (error {code}): {}",
            answer.text()?.unwrap_or_default()
        );
        Ok(broker)
    }

    fn create_missing(
        &mut self,
        security: &Security<'_>,
        topics: &[String],
        partitions: i32,
    ) -> Result<Vec<String>> {
        let (missing, controller) = self.missing(topics)?;
        if missing.is_empty() {
            return Ok(missing);
        }
        match self.create(&missing, partitions) {
            // Without KRaft only the controller can create topics.
            Err(error) if error.downcast_ref() == Some(&NotController) => {
                let controller = controller.context("the cluster has no controller")?;
                Self::connect(&controller, security)?.create(&missing, partitions)
            }
            made => made,
        }
    }

    /// Returns the missing topics and the address of the controller.
    fn missing(&mut self, topics: &[String]) -> Result<(Vec<String>, Option<String>)> {
        let mut body = array(topics.len())?;
        for topic in topics {
            body.extend(text(topic)?);
        }
        body.push(0); // Do not create topics.
        let mut answer = Answer::new(self.ask(METADATA, &body)?);
        answer.int32()?; // throttle time
        let mut brokers = Vec::new();
        for _ in 0..answer.int32()? {
            let (id, host, port) =
                (answer.int32()?, answer.text()?.unwrap_or_default(), answer.int32()?);
            answer.text()?; // rack
            brokers.push((id, format!("{host}:{port}")));
        }
        answer.text()?; // cluster
        let controller = answer.int32()?;
        let mut missing = Vec::new();
        for _ in 0..answer.int32()? {
            let (code, name) = (answer.int16()?, answer.text()?.unwrap_or_default());
            answer.take(1)?; // internal
            for _ in 0..answer.int32()? {
                answer.take(10)?; // error, partition, leader
                for _ in 0..2 {
                    let replicas = usize::try_from(answer.int32()?)?;
                    answer.take(4 * replicas)?;
                }
            }
            match code {
                NONE => {}
                UNKNOWN_TOPIC => missing.push(name),
                code => bail!("cannot look up topic {name} (error {code})"),
            }
        }
        Ok((
            missing,
            brokers.into_iter().find(|(id, _)| *id == controller).map(|(_, address)| address),
        ))
    }

    fn describe(&mut self, topics: &[String]) -> Result<Described> {
        let mut body = compact_length(topics.len())?;
        for topic in topics {
            body.extend([0; 16]); // Null id: the topic is given by its name.
            body.extend(compact_text(topic)?);
            body.push(0);
        }
        body.extend([0, 0, 0]); // Do not create topics; no authorized operations; no tags.
        let mut answer = Answer::new(self.ask_compact(METADATA_WITH_IDS, &body)?);
        answer.int32()?; // throttle time
        let mut brokers = BTreeMap::new();
        for _ in 0..answer.compact_length()? {
            let (id, host, port) =
                (answer.int32()?, answer.compact_text()?.unwrap_or_default(), answer.int32()?);
            answer.compact_text()?; // rack
            answer.tags()?;
            brokers.insert(id, format!("{host}:{port}"));
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

    fn epoch_ends(&mut self, places: &[&(TopicPartition, i32)]) -> Result<EpochEnds> {
        let mut body = (-1_i32).to_be_bytes().to_vec(); // A consumer asks.
        body.extend(array(places.len())?);
        for (at, epoch) in places {
            body.extend([text(&at.topic)?, array(1)?].concat());
            body.extend(
                [at.partition.to_be_bytes(), (-1_i32).to_be_bytes(), epoch.to_be_bytes()].concat(),
            );
        }
        let mut answer = Answer::new(self.ask(OFFSET_FOR_LEADER_EPOCH, &body)?);
        answer.int32()?; // throttled for so long
        let mut ends = EpochEnds::new();
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

    fn create(&mut self, topics: &[String], partitions: i32) -> Result<Vec<String>> {
        let mut body = array(topics.len())?;
        for topic in topics {
            body.extend(text(topic)?);
            body.extend(partitions.to_be_bytes());
            body.extend((-1_i16).to_be_bytes()); // The broker's default replication.
            body.extend([array(0)?, array(0)?].concat());
        }
        body.extend(CREATE_LIMIT_MS.to_be_bytes());
        body.push(0); // Create the topics, do not only validate them.
        let mut answer = Answer::new(self.ask(CREATE_TOPICS, &body)?);
        answer.int32()?; // throttle time
        let mut made = Vec::new();
        for _ in 0..answer.int32()? {
            let (name, code, message) =
                (answer.text()?.unwrap_or_default(), answer.int16()?, answer.text()?);
            match code {
                NONE => made.push(name),
                TOPIC_ALREADY_EXISTS => {}
                NOT_CONTROLLER => return Err(NotController.into()),
                code => bail!(
                    "cannot create topic {name} (error {code}): {}",
                    message.unwrap_or_default()
                ),
            }
        }
        Ok(made)
    }

    /// Sends a request with compact encodings. Its header ends with tags, which are empty here.
    fn ask_compact(&mut self, of: (i16, i16), body: &[u8]) -> Result<Vec<u8>> {
        let mut answer = Answer::new(self.ask(of, &[&[0], body].concat())?);
        answer.tags()?;
        Ok(answer.bytes.split_off(answer.at))
    }

    /// Sends a request and returns the body of the answer.
    fn ask(&mut self, (key, version): (i16, i16), body: &[u8]) -> Result<Vec<u8>> {
        self.sent += 1;
        let client = text("weir-migrate")?;
        let head = [
            &key.to_be_bytes()[..],
            &version.to_be_bytes()[..],
            &self.sent.to_be_bytes()[..],
            client.as_slice(),
        ]
        .concat();
        let length = i32::try_from(head.len() + body.len())?.to_be_bytes();
        self.stream.write_all(&[&length[..], head.as_slice(), body].concat())?;
        self.stream.flush()?;
        let mut length = [0; 4];
        self.stream.read_exact(&mut length).context(
            "the broker closed the connection: check that \
            this port is for IAM",
        )?;
        let length = usize::try_from(i32::from_be_bytes(length)).unwrap_or_default();
        ensure!((4..=ANSWER_BYTES_MAX).contains(&length), "the answer is not in Kafka's protocol");
        let mut answer = vec![0; length];
        self.stream.read_exact(&mut answer)?;
        ensure!(answer[..4] == self.sent.to_be_bytes(), "the answer is not in Kafka's protocol");
        Ok(answer.split_off(4))
    }
}

/// The error that another broker is the controller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct NotController;

impl std::fmt::Display for NotController {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("this broker is not the controller")
    }
}

impl std::error::Error for NotController {}

fn text(text: &str) -> Result<Vec<u8>> {
    Ok([&i16::try_from(text.len())?.to_be_bytes()[..], text.as_bytes()].concat())
}

/// Encodes a length plus one as a varint: seven bits per byte, the lowest first. 0 is null.
fn compact_length(length: usize) -> Result<Vec<u8>> {
    let mut left = length + 1;
    let mut bytes = Vec::new();
    while left >= 0x80 {
        bytes.push(u8::try_from(left & 0x7f)? | 0x80);
        left >>= 7;
    }
    bytes.push(u8::try_from(left)?);
    Ok(bytes)
}

fn compact_text(text: &str) -> Result<Vec<u8>> {
    Ok([compact_length(text.len())?.as_slice(), text.as_bytes()].concat())
}

fn array(length: usize) -> Result<Vec<u8>> {
    Ok(i32::try_from(length)?.to_be_bytes().to_vec())
}

struct Answer {
    bytes: Vec<u8>,
    at: usize,
}

impl Answer {
    fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, at: 0 }
    }

    fn take(&mut self, length: usize) -> Result<&[u8]> {
        let end = self.at.checked_add(length).context("the answer ends too early")?;
        let found = self.bytes.get(self.at..end).context("the answer ends too early")?;
        self.at = end;
        Ok(found)
    }

    fn int16(&mut self) -> Result<i16> {
        Ok(i16::from_be_bytes(self.take(2)?.try_into()?))
    }

    fn int32(&mut self) -> Result<i32> {
        Ok(i32::from_be_bytes(self.take(4)?.try_into()?))
    }

    fn int64(&mut self) -> Result<i64> {
        Ok(i64::from_be_bytes(self.take(8)?.try_into()?))
    }

    fn varint(&mut self) -> Result<usize> {
        let mut number = 0;
        for shift in (0..32).step_by(7) {
            let byte = self.take(1)?[0];
            number |= usize::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        bail!("the answer has an invalid number")
    }

    /// Returns 0 for null, too.
    fn compact_length(&mut self) -> Result<usize> {
        Ok(self.varint()?.saturating_sub(1))
    }

    fn compact_text(&mut self) -> Result<Option<String>> {
        let Some(length) = self.varint()?.checked_sub(1) else { return Ok(None) };
        Ok(Some(String::from_utf8(self.take(length)?.to_vec())?))
    }

    /// Skips the tagged fields, which later versions add.
    fn tags(&mut self) -> Result<()> {
        for _ in 0..self.varint()? {
            self.varint()?;
            let length = self.varint()?;
            self.take(length)?;
        }
        Ok(())
    }

    fn text(&mut self) -> Result<Option<String>> {
        let Ok(length) = usize::try_from(self.int16()?) else { return Ok(None) };
        Ok(Some(String::from_utf8(self.take(length)?.to_vec())?))
    }
}
