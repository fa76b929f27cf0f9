//! Limits of one request, and of all requests together.

use std::time::Duration;

/// Limits of the requests behind a [`RouteGuard`](crate::RouteGuard).
#[derive(Debug, Clone, clap::Args)]
pub struct HttpLimits {
    /// Seconds that a request may take until its answer begins; then it is answered with 503
    #[arg(long, env = "REQUEST_TIMEOUT", value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=900))]
    pub request_timeout: u16,

    /// Requests that are worked on at the same time; the next one is answered with 503
    #[arg(long, env = "CONCURRENT_REQUESTS", value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u16).range(1..))]
    pub concurrent_requests: u16,

    /// Bytes of the longest answer that the place can send; any length without it
    #[arg(skip)]
    pub response_bytes_max: Option<usize>,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self { request_timeout: 30, concurrent_requests: 256, response_bytes_max: None }
    }
}

impl HttpLimits {
    pub(crate) fn request_limit(&self) -> Duration {
        Duration::from_secs(self.request_timeout.into())
    }
}
