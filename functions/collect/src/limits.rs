//! Limits of one request, and of all requests together.

use std::time::Duration;

use weir_http::TrustedProxies;

use crate::{body::BodyLimits, intake::KafkaWait};

/// The limits of what is collected.
#[derive(Debug, Clone, clap::Args)]
pub struct CollectLimits {
    /// Seconds that a sender may be silent in the middle of its body; then it is answered with 408
    #[arg(long, env = "COLLECT_IDLE_TIMEOUT", value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=900))]
    pub collect_idle_timeout: u16,

    /// Bodies that are taken in at the same time, each of which needs up to 10 MB; the next one is
    /// answered with 503
    #[arg(long, env = "COLLECT_STREAMS", value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..))]
    pub collect_streams: u16,

    /// The same for senders who show no key, but sign what they send: they take no place from those
    /// with a key
    #[arg(long, env = "COLLECT_UNKEYED_STREAMS", value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..))]
    pub collect_unkeyed_streams: u16,

    /// Of these, how many may come from one address, or one /64 of IPv6; the next one from there is
    /// answered with 503
    #[arg(long, env = "COLLECT_ADDRESS_STREAMS", value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..))]
    pub collect_address_streams: u16,

    /// Bytes a second at which a body of at most 4 MB has to come, behind its first 5 seconds; a
    /// slower one is answered with 408
    #[arg(long, env = "COLLECT_MIN_RATE", value_name = "BYTES", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub collect_min_rate: u32,

    /// Seconds that Kafka may need for a body of at most 4 MB, or for the next value of a longer
    /// one; then it is answered with 503
    #[arg(long, env = "COLLECT_KAFKA_TIMEOUT", value_name = "SECONDS", default_value_t = 35, value_parser = clap::value_parser!(u16).range(1..=900))]
    pub collect_kafka_timeout: u16,

    /// Whose word on a client's address counts
    #[command(flatten)]
    pub proxies: TrustedProxies,

    /// Bytes of the longest body that the place can take; any length without it
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
