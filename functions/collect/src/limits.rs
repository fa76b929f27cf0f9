//! What one request, and all of them together, may cost.

use std::time::Duration;

use crate::body::BodyLimits;

/// The limits of what is collected.
#[derive(Debug, Clone, clap::Args)]
pub struct CollectLimits {
    /// Seconds that a sender may be silent in the middle of its body; then it is answered with 408
    #[arg(long, env = "COLLECT_IDLE_TIMEOUT", value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=900))]
    pub collect_idle_timeout: u16,

    /// Bodies that are taken in at the same time, each of which needs up to 10 MB; the next one is answered with 503
    #[arg(long, env = "COLLECT_STREAMS", value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..))]
    pub collect_streams: u16,

    /// Bytes of the longest body that the place can take; any length without it
    #[arg(skip)]
    pub body_bytes_max: Option<u64>,
}

impl Default for CollectLimits {
    fn default() -> Self {
        Self { collect_idle_timeout: 30, collect_streams: 16, body_bytes_max: None }
    }
}

impl CollectLimits {
    pub(crate) fn body(&self) -> BodyLimits {
        BodyLimits { idle: Duration::from_secs(self.collect_idle_timeout.into()), bytes_max: self.body_bytes_max }
    }
}
