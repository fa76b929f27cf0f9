//! The settings that all our Kafka clients share, and where librdkafka's own log lines go.

use std::{collections::BTreeMap, error::Error};

use rdkafka::{ClientConfig, client::OAuthToken, config::RDKafkaLogLevel};

use crate::{BrokerError, token_for};

/// Longest pause between two tries to reach a broker, in milliseconds: a restarted broker is back
/// within seconds.
const RECONNECT_BACKOFF_MS_MAX: &str = "2000";

/// The base settings for `bootstrap` (`host:port`, several with commas); `properties` are
/// librdkafka's names and come last, so that a user can override every default.
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
        // An OpenSSL that was built along looks for the system's certificates where the machine
        // that built it has them.
        .set("ssl.ca.location", "probe")
        .set("reconnect.backoff.max.ms", RECONNECT_BACKOFF_MS_MAX);
    // librdkafka's own `debug` property says nothing unless the level lets it.
    config.set_log_level(if properties.contains_key("debug") {
        RDKafkaLogLevel::Debug
    } else {
        RDKafkaLogLevel::Notice
    });
    for (name, value) in defaults {
        config.set(*name, *value);
    }
    for (name, value) in properties {
        config.set(name, value);
    }
    config
}

/// Runs `work` on a thread that may wait: librdkafka's look-ups block.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BrokerError> + Send + 'static,
) -> Result<T, BrokerError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| BrokerError::Start(error.to_string()))?
}

/// Sends one of librdkafka's log lines to tracing.
///
/// A broker that is away makes it repeat FAIL and ERROR lines for each try; we say such a change
/// once ourselves, so these go to debug.
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

/// A context that only keeps librdkafka quiet, for look-ups.
#[derive(Debug)]
pub struct QuietContext;

impl rdkafka::ClientContext for QuietContext {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = cfg!(feature = "msk-iam");

    fn generate_oauth_token(&self, config: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        token_for(config)
    }

    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        log_line(level, facility, line);
    }

    fn error(&self, error: rdkafka::error::KafkaError, reason: &str) {
        // The caller gets the error itself; here it would be a second copy.
        tracing::debug!(target: "kafka", "{error}: {reason}");
    }
}

impl rdkafka::consumer::ConsumerContext for QuietContext {}
