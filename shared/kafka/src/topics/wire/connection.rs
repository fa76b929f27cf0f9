//! A connection to a broker: TCP, TLS, SASL, then requests one by one.

use std::{
    fmt,
    io::{self, ErrorKind, Read, Write},
    net::{TcpStream, ToSocketAddrs},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, bail, ensure};
use data_encoding::BASE64;
use native_tls::{HandshakeError, TlsStream};
use secrecy::ExposeSecret;

use super::{
    encoding::{Answer, array, bytes, text},
    scram::Exchange,
    security::{Login, Security},
};

/// The timeout of a connection attempt.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// The timeout of each read and write.
const ASK_LIMIT: Duration = Duration::from_secs(30);
/// The longest answer that is accepted.
const ANSWER_BYTES_MAX: usize = 16 << 20;
/// The port of an address without a port, as in librdkafka.
const PORT_DEFAULT: u16 = 9092;
const NONCE_BYTES: usize = 24;

/// A request's key and version.
pub(super) type Request = (i16, i16);

const SASL_HANDSHAKE: Request = (17, 1);
const API_VERSIONS: Request = (18, 0);
const SASL_AUTHENTICATE: Request = (36, 0);

/// The error code of success.
pub(super) const NONE: i16 = 0;

/// The address of a broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    /// A name or an IP address, without brackets.
    pub host: String,
    pub port: u16,
}

impl Address {
    /// Parses an address of librdkafka's `bootstrap.servers`: `[PROTOCOL://]HOST[:PORT]`.
    pub(super) fn parse(given: &str) -> Result<Self> {
        let given = given.trim();
        let place = given.split_once("://").map_or(given, |(_, place)| place);
        let (host, port) = match place.rsplit_once(':') {
            // The last colon of an IPv6 address without a port is within the brackets.
            Some((host, port)) if !port.ends_with(']') => {
                (host, port.parse().with_context(|| format!("the port of {given} is not valid"))?)
            }
            _ => (place, PORT_DEFAULT),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Ok(Self { host, port })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

trait Stream: Read + Write + Send {
    fn socket(&self) -> &TcpStream;
}

impl Stream for TcpStream {
    fn socket(&self) -> &TcpStream {
        self
    }
}

impl Stream for TlsStream<TcpStream> {
    fn socket(&self) -> &TcpStream {
        self.get_ref()
    }
}

/// A connection on which the client is logged in.
pub(in crate::topics) struct Connection {
    stream: Box<dyn Stream>,
    sent: i32,
    /// The end of the token's life, for a login with a token.
    until: Option<Instant>,
}

impl Connection {
    pub(super) fn open(address: &Address, security: &Security) -> Result<Self> {
        let mut last = anyhow!("the name has no address");
        for place in (address.host.as_str(), address.port).to_socket_addrs()? {
            match TcpStream::connect_timeout(&place, CONNECT_LIMIT) {
                Ok(socket) => return Self::secure(socket, &address.host, security),
                Err(error) => last = error.into(),
            }
        }
        Err(last)
    }

    fn secure(socket: TcpStream, host: &str, security: &Security) -> Result<Self> {
        socket.set_read_timeout(Some(ASK_LIMIT))?;
        socket.set_write_timeout(Some(ASK_LIMIT))?;
        socket.set_nodelay(true)?;
        let stream: Box<dyn Stream> = match &security.tls {
            None => Box::new(socket),
            Some(tls) => Box::new(tls.connect(host, socket).map_err(|error| match error {
                HandshakeError::Failure(error) => anyhow!("TLS: {error}"),
                HandshakeError::WouldBlock(_) => anyhow!("TLS: the broker does not answer"),
            })?),
        };
        let mut connection = Self { stream, sent: 0, until: None };
        if let Some(login) = &security.login {
            connection.log_in(login)?;
        }
        Ok(connection)
    }

    /// Returns whether the login is still valid.
    pub(super) fn is_logged_in(&self) -> bool {
        self.until.is_none_or(|until| Instant::now() < until)
    }

    /// Shortens the timeout of each read to the one of a connection attempt, because a kept
    /// connection may lead to a machine that is gone.
    pub(super) fn keep(&self) -> Result<()> {
        Ok(self.stream.socket().set_read_timeout(Some(CONNECT_LIMIT))?)
    }

    fn log_in(&mut self, login: &Login) -> Result<()> {
        let mechanism = login.mechanism();
        let mut answer = Answer::new(self.ask(SASL_HANDSHAKE, &text(mechanism)?)?);
        if answer.int16()? != NONE {
            let mut known = Vec::new();
            for _ in 0..answer.int32()? {
                known.extend(answer.text()?);
            }
            bail!("the broker does not accept {mechanism}, but {}", known.join(", "));
        }
        match login {
            Login::Plain { user, password } => {
                let message = format!("\0{user}\0{}", password.expose_secret());
                self.authenticate(mechanism, message.as_bytes()).map(drop)
            }
            Login::Scram { hash, user, password } => {
                let mut random = [0; NONCE_BYTES];
                getrandom::fill(&mut random).context("the system returns no random numbers")?;
                let nonce = BASE64.encode(&random);
                let exchange = Exchange::new(*hash, user, password, &nonce);
                let first = self.authenticate(mechanism, exchange.first().as_bytes())?;
                let (last, proof) = exchange.last(&String::from_utf8(first)?)?;
                let answer = self.authenticate(mechanism, last.as_bytes())?;
                ensure!(answer == proof.as_bytes(), "the broker does not know the password");
                Ok(())
            }
            // RFC 7628, section 3.1. The broker answers with a reason where it refuses the token.
            Login::Token { token, until } => {
                self.until = Some(*until);
                let token = token.expose_secret();
                let message = format!("n,,\u{1}auth=Bearer {token}\u{1}\u{1}");
                let refused = self.authenticate(mechanism, message.as_bytes())?;
                let reason = String::from_utf8_lossy(&refused);
                ensure!(refused.is_empty(), "the broker refuses the token: {reason}");
                Ok(())
            }
        }
    }

    fn authenticate(&mut self, mechanism: &str, message: &[u8]) -> Result<Vec<u8>> {
        let mut answer = Answer::new(self.ask(SASL_AUTHENTICATE, &bytes(message)?)?);
        let (code, reason) = (answer.int16()?, answer.text()?.unwrap_or_default());
        ensure!(code == NONE, "the broker refuses the login with {mechanism}: {reason}");
        Ok(answer.bytes()?.to_vec())
    }

    /// Returns whether the broker supports a request.
    pub(super) fn supports(&mut self, (key, version): Request) -> Result<bool> {
        let mut answer = Answer::new(self.ask(API_VERSIONS, &[])?);
        let code = answer.int16()?;
        ensure!(code == NONE, "the broker does not list its requests (error {code})");
        for _ in 0..answer.int32()? {
            let (known, min, max) = (answer.int16()?, answer.int16()?, answer.int16()?);
            if known == key {
                return Ok((min..=max).contains(&version));
            }
        }
        Ok(false)
    }

    /// Sends a request with compact encodings. Its header ends with tags, which are empty here.
    pub(super) fn ask_compact(&mut self, of: Request, body: &[u8]) -> Result<Answer> {
        let mut answer = Answer::new(self.ask(of, &[&[0], body].concat())?);
        answer.tags()?;
        Ok(answer)
    }

    /// Sends a request and returns the body of the answer.
    pub(super) fn ask(&mut self, (key, version): Request, body: &[u8]) -> Result<Vec<u8>> {
        self.sent += 1;
        let client = text("weir")?;
        let head = [
            &key.to_be_bytes()[..],
            &version.to_be_bytes()[..],
            &self.sent.to_be_bytes()[..],
            client.as_slice(),
        ]
        .concat();
        let length = array(head.len() + body.len())?;
        self.stream
            .write_all(&[length.as_slice(), head.as_slice(), body].concat())
            .map_err(|error| unanswered(&error))?;
        self.stream.flush().map_err(|error| unanswered(&error))?;
        let mut length = [0; 4];
        self.stream.read_exact(&mut length).map_err(|error| unanswered(&error))?;
        let length = usize::try_from(i32::from_be_bytes(length)).unwrap_or_default();
        ensure!(
            (4..=ANSWER_BYTES_MAX).contains(&length),
            "the answer is not in Kafka's protocol: does security.protocol fit the port?"
        );
        let mut answer = vec![0; length];
        self.stream.read_exact(&mut answer).map_err(|error| unanswered(&error))?;
        ensure!(answer[..4] == self.sent.to_be_bytes(), "the answer is not in Kafka's protocol");
        Ok(answer.split_off(4))
    }
}

/// Names the usual causes of an error between a request and its answer.
fn unanswered(error: &io::Error) -> anyhow::Error {
    match error.kind() {
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => {
            anyhow!("the broker closes the connection: does security.protocol fit the port?")
        }
        ErrorKind::WouldBlock | ErrorKind::TimedOut => {
            anyhow!("the broker does not answer within {} s", ASK_LIMIT.as_secs())
        }
        // The source of an error of TLS repeats its text.
        _ => anyhow!("{error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_addresses_of_librdkafka_are_understood() {
        for (given, shown) in [
            ("kafka:9093", "kafka:9093"),
            (" kafka ", "kafka:9092"),
            ("SASL_SSL://kafka:9096", "kafka:9096"),
            ("[::1]:9094", "[::1]:9094"),
            ("[::1]", "[::1]:9092"),
        ] {
            assert_eq!(Address::parse(given).unwrap().to_string(), shown, "{given}");
        }
        assert!(Address::parse("kafka:port").is_err());
    }
}
