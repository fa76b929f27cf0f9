//! The settings that all Kafka clients share, and the forwarding of librdkafka's log lines.

use std::{collections::BTreeMap, error::Error};

use rdkafka::{ClientConfig, client::OAuthToken, config::RDKafkaLogLevel};

use crate::{BrokerError, Tokens, token::is_own};

/// The longest pause between two attempts to connect to a broker, in milliseconds. A restarted
/// broker is back within seconds.
const RECONNECT_BACKOFF_MS_MAX: &str = "2000";

/// Returns the base settings for `bootstrap` (`host:port`, several with commas).
///
/// `properties` have librdkafka's names. They are set last, so that a user can override every
/// default. Those of OIDC are for [`Tokens`].
pub fn client_config(
    bootstrap: &str,
    properties: &BTreeMap<String, String>,
    defaults: &[(&str, &str)],
) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", bootstrap)
        .set("client.id", "weir")
        .set("log.connection.close", "false")
        .set("socket.keepalive.enable", "true")
        // A bundled OpenSSL looks for the system's certificates at the paths of the machine that
        // built it, so librdkafka has to search for them.
        .set("ssl.ca.location", "probe")
        .set("reconnect.backoff.max.ms", RECONNECT_BACKOFF_MS_MAX);
    // librdkafka's property `debug` has no effect unless the log level is Debug.
    config.set_log_level(if properties.contains_key("debug") {
        RDKafkaLogLevel::Debug
    } else {
        RDKafkaLogLevel::Notice
    });
    for (name, value) in defaults {
        config.set(*name, *value);
    }
    for (name, value) in properties.iter().filter(|(name, _)| !is_own(name, properties)) {
        config.set(name, value);
    }
    config
}

/// Runs `work` on a blocking thread, because librdkafka's lookups block.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BrokerError> + Send + 'static,
) -> Result<T, BrokerError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| BrokerError::Start(error.to_string()))?
}

/// Sends one of librdkafka's log lines to tracing.
///
/// During an outage of a broker, librdkafka repeats FAIL and ERROR lines for each attempt. Weir
/// logs such a change once itself, so these lines have the level debug.
pub fn log_line(level: RDKafkaLogLevel, facility: &str, line: &str) {
    let repeats = matches!(facility, "FAIL" | "ERROR" | "GETPID");
    match level {
        RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
            tracing::warn!(target: "kafka", "{facility}: {line}");
        }
        RDKafkaLogLevel::Error | RDKafkaLogLevel::Warning if !repeats => {
            tracing::warn!(target: "kafka", "{facility}: {line}");
        }
        _ => tracing::debug!(target: "kafka", "{facility}: {line}"),
    }
}

/// A client context for lookups, which logs errors at the level debug only.
#[derive(Debug)]
pub struct QuietContext {
    tokens: Tokens,
}

impl QuietContext {
    /// Creates the context of a client with these properties.
    pub fn of(properties: &BTreeMap<String, String>) -> Result<Self, BrokerError> {
        Ok(Self { tokens: Tokens::of(properties)? })
    }
}

impl rdkafka::ClientContext for QuietContext {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn generate_oauth_token(&self, _: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        self.tokens.token()
    }

    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        log_line(level, facility, line);
    }

    fn error(&self, error: rdkafka::error::KafkaError, reason: &str) {
        // The caller gets the error itself, so a warning would repeat it.
        tracing::debug!(target: "kafka", "{error}: {reason}");
    }
}

impl rdkafka::consumer::ConsumerContext for QuietContext {}
