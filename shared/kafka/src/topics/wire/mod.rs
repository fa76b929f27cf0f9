//! Requests of Kafka's own protocol, over the same TLS and SASL as librdkafka.
//!
//! The requests for topic ids and for the ends of leader epochs are here because the Rust binding
//! of librdkafka has no calls for them. The requests that create topics are here for MSK clusters
//! with IAM. librdkafka's admin client cannot use a token, because only producers and consumers
//! receive the event for its refresh, and MSK Serverless supports only IAM. Source:
//! <https://kafka.apache.org/protocol>
//!
//! Kafka 2.4 to 4 support the versions of these requests. All of them precede the compact
//! encodings, except for the request with topic ids, which is new in Kafka 2.8.

mod connection;
mod create;
mod describe;
mod encoding;
mod scram;
mod security;

use anyhow::{Result, bail};

use self::connection::{Address, Connection};
pub(super) use self::{
    create::create_missing,
    describe::{Described, describe, epoch_ends},
    security::Security,
};

const UNKNOWN_TOPIC: i16 = 3;
const TOPIC_AUTHORIZATION_FAILED: i16 = 29;

/// Connects to the first bootstrap broker that accepts TLS and login. Blocks.
pub(super) fn reach(bootstrap: &str, security: &Security) -> Result<()> {
    first_answer(bootstrap, security, |_| Ok(()))
}

/// Asks the bootstrap brokers in their order until one answers.
fn first_answer<T>(
    bootstrap: &str,
    security: &Security,
    ask: impl Fn(&mut Connection) -> Result<T>,
) -> Result<T> {
    let mut reasons = Vec::new();
    for given in bootstrap.split(',').filter(|given| !given.trim().is_empty()) {
        let answer = Address::parse(given)
            .and_then(|address| Connection::open(&address, security))
            .and_then(|mut broker| ask(&mut broker));
        match answer {
            Ok(answer) => return Ok(answer),
            Err(error) => reasons.push(format!("{}: {error:#}", given.trim())),
        }
    }
    bail!("{}", reasons.join("; "))
}
