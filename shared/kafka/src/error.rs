//! Errors between Weir and a broker.

use rdkafka::error::KafkaError;

/// The reason why a broker could not be started or queried. The text is one line that says how to
/// fix the error.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// Another program listens on the port of the embedded broker.
    #[error(
        "port {0} is already in use: stop the program that listens on it, or choose another port \
        with --kafka-port"
    )]
    PortTaken(u16),
    /// The embedded broker could not be started.
    #[error("the embedded Kafka broker cannot start: {0}")]
    Start(String),
    /// A Kafka client could not be created, usually because of an unknown property.
    #[error("cannot create the Kafka client: {0}; check the Kafka properties")]
    Client(#[source] KafkaError),
    /// The properties for TLS or SASL are not valid. The text does not contain their secrets.
    #[error("the Kafka properties are not valid: {0}")]
    Security(String),
    /// There is no token for SASL `OAUTHBEARER`: AWS or the OIDC provider did not give one.
    #[error("there is no token for Kafka: {0}")]
    Token(String),
    /// None of the brokers answered. The text names each broker with its reason.
    #[error("the Kafka broker did not answer: {0}")]
    Unreachable(String),
    /// The broker does not have the topic.
    #[error("topic {0} is unknown to the broker at {1}: create it, or correct --topics")]
    UnknownTopic(String, String),
    /// The broker did not answer, or answered with an error.
    #[error("the Kafka broker at {bootstrap} did not answer ({what}): {source}")]
    Ask {
        /// Addresses of the broker, `host:port`, several with commas.
        bootstrap: String,
        /// The subject of the request.
        what: &'static str,
        /// The client library's error.
        source: KafkaError,
    },
}
