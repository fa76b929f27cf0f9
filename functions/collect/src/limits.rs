//! Limits of one request, and of all requests together.

use std::time::Duration;

use weir_http::TrustedProxies;

use crate::{body::BodyLimits, intake::KafkaWait};

/// The limits of requests to collect.
#[derive(Debug, Clone, clap::Args)]
pub struct CollectLimits {
    /// Maximum time without a byte of a request's body, in seconds
    ///
    /// After this time the answer is 408.
    #[arg(long, env = "COLLECT_IDLE_TIMEOUT", value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=900))]
    pub collect_idle_timeout: u16,

    /// Maximum number of bodies from senders with an API key at the same time
    ///
    /// Each body needs up to 10 MB of memory. The next request is answered with 503.
    #[arg(long, env = "COLLECT_STREAMS", value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..))]
    pub collect_streams: u16,

    /// Maximum number of bodies from senders with a signature at the same time
    ///
    /// Senders with a signature, such as webhooks, have no API key. They do not count for
    /// `--collect-streams`.
    #[arg(long, env = "COLLECT_UNKEYED_STREAMS", value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..))]
    pub collect_unkeyed_streams: u16,

    /// Maximum number of bodies with a signature from one address
    ///
    /// In IPv6, one address is a network of /64. The next request from this address is answered
    /// with
    /// 503.
    #[arg(long, env = "COLLECT_ADDRESS_STREAMS", value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..))]
    pub collect_address_streams: u16,

    /// Minimum rate of a body of at most 4 MB, in bytes for each second
    ///
    /// The rate is checked after the first 5 seconds. A slower body is answered with 408.
    #[arg(long, env = "COLLECT_MIN_RATE", value_name = "BYTES", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub collect_min_rate: u32,

    /// Maximum time for Kafka to confirm a body, in seconds
    ///
    /// For a body of more than 4 MB, the limit is for each of its values. After this time the
    /// answer is 503.
    #[arg(long, env = "COLLECT_KAFKA_TIMEOUT", value_name = "SECONDS", default_value_t = 35, value_parser = clap::value_parser!(u16).range(1..=900))]
    pub collect_kafka_timeout: u16,

    /// The trusted proxies.
    #[command(flatten)]
    pub proxies: TrustedProxies,

    /// Maximum length of a body in bytes. `None` means no limit.
    #[arg(skip)]
    pub body_bytes_max: Option<u64>,
}

impl Default for CollectLimits {
    fn default() -> Self {
        Self {
            collect_idle_timeout: 30,
            collect_streams: 16,
            collect_unkeyed_streams: 16,
            collect_address_streams: 8,
            collect_min_rate: 10_000,
            collect_kafka_timeout: 35,
            proxies: TrustedProxies::default(),
            body_bytes_max: None,
        }
    }
}

impl CollectLimits {
    pub(crate) fn body(&self) -> BodyLimits {
        BodyLimits {
            idle: Duration::from_secs(self.collect_idle_timeout.into()),
            bytes_max: self.body_bytes_max,
            rate_min: None,
        }
    }

    /// Returns the time that Kafka may need for a body that is completely received.
    pub(crate) fn of_whole(&self) -> KafkaWait {
        KafkaWait::in_all(self.kafka())
    }

    /// Returns the time that Kafka may need while a body is received. If the length of bodies is
    /// limited, the limit is for the whole request.
    pub(crate) fn of_stream(&self) -> KafkaWait {
        if self.body_bytes_max.is_some() { self.of_whole() } else { KafkaWait::each(self.kafka()) }
    }

    fn kafka(&self) -> Duration {
        Duration::from_secs(self.collect_kafka_timeout.into())
    }
}
