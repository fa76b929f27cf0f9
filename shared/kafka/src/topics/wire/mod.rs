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

use self::connection::Address;
pub(super) use self::{
    connection::Connection,
    create::create_missing,
    describe::{Described, describe, describe_over, epoch_ends},
    security::Security,
};
use crate::BrokerError;

const UNKNOWN_TOPIC: i16 = 3;
const TOPIC_AUTHORIZATION_FAILED: i16 = 29;

/// Connects to the first bootstrap broker that accepts TLS and login. Blocks.
pub(super) fn reach(bootstrap: &str, security: &Security) -> Result<()> {
    first_answer(bootstrap, security, |_| Ok(())).map(|((), _)| ())
}

/// A connection that is used for several questions.
#[derive(Default)]
pub(super) struct KeptConnection(Option<Connection>);

impl KeptConnection {
    /// Asks over the kept connection. Where this fails, `open` asks over a new one, which is then
    /// kept: a broker closes the connection when it stops or when the login is too old.
    pub(super) fn answer<T>(
        &mut self,
        ask: impl FnOnce(&mut Connection) -> Result<T>,
        open: impl FnOnce() -> Result<Option<(T, Connection)>, BrokerError>,
    ) -> Result<Option<T>, BrokerError> {
        if let Some(mut broker) = self.0.take().filter(Connection::is_logged_in)
            && let Ok(answer) = ask(&mut broker)
        {
            self.0 = Some(broker);
            return Ok(Some(answer));
        }
        let Some((answer, broker)) = open()? else { return Ok(None) };
        self.0 = broker.keep().is_ok().then_some(broker);
        Ok(Some(answer))
    }
}

/// Asks the bootstrap brokers in their order until one answers. Returns its connection too.
fn first_answer<T>(
    bootstrap: &str,
    security: &Security,
    ask: impl Fn(&mut Connection) -> Result<T>,
) -> Result<(T, Connection)> {
    let mut reasons = Vec::new();
    for given in bootstrap.split(',').filter(|given| !given.trim().is_empty()) {
        let answer = Address::parse(given)
            .and_then(|address| Connection::open(&address, security))
            .and_then(|mut broker| Ok((ask(&mut broker)?, broker)));
        match answer {
            Ok(answer) => return Ok(answer),
            Err(error) => reasons.push(format!("{}: {error:#}", given.trim())),
        }
    }
    bail!("{}", reasons.join("; "))
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        net::{TcpListener, TcpStream},
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering::SeqCst},
        },
        thread,
        time::{Duration, Instant},
    };

    use super::{security::Login, *};

    const QUESTION: connection::Request = (18, 0);

    /// Answers every request with success, and closes each connection after `requests_max` of them.
    fn broker(requests_max: usize) -> (String, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
        let address = listener.local_addr().expect("address").to_string();
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        thread::spawn(move || {
            for mut client in listener.incoming().flatten() {
                counted.fetch_add(1, SeqCst);
                let _ = (0..requests_max).try_for_each(|_| answer(&mut client));
            }
        });
        (address, connections)
    }

    fn answer(client: &mut TcpStream) -> std::io::Result<()> {
        let mut length = [0; 4];
        client.read_exact(&mut length)?;
        let mut request = vec![0; usize::try_from(u32::from_be_bytes(length)).unwrap_or_default()];
        client.read_exact(&mut request)?;
        // No error, and an empty text, list or value.
        let answer = [&[0, 0, 0, 12], &request[4..8], &[0; 8]].concat();
        client.write_all(&answer)
    }

    /// Asks four times, and returns the number of connections.
    fn connections(requests_max: usize, login: impl Fn() -> Option<Login>) -> usize {
        let (address, connections) = broker(requests_max);
        let mut kept = KeptConnection::default();
        for _ in 0..4 {
            let ask = |broker: &mut Connection| broker.ask(QUESTION, &[]);
            let open = || {
                let security = Security { tls: None, login: login() };
                Ok(Some(first_answer(&address, &security, ask).expect("answered")))
            };
            assert!(kept.answer(ask, open).expect("answered").is_some());
        }
        connections.load(SeqCst)
    }

    #[test]
    fn a_connection_is_kept_until_the_broker_closes_it() {
        assert_eq!(connections(usize::MAX, || None), 1);
        assert_eq!(connections(2, || None), 2);
    }

    #[test]
    fn a_connection_is_kept_until_its_token_expires() {
        let token = |until| Some(Login::Token { token: "token".into(), until });
        let now = Instant::now();
        assert_eq!(connections(usize::MAX, || token(now + Duration::from_mins(1))), 1);
        assert_eq!(connections(usize::MAX, || token(now)), 4);
    }
}
