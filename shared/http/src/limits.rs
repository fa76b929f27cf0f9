//! Limits of one request, and of all requests together.

use std::time::Duration;

/// Limits of the requests behind a [`RouteGuard`](crate::RouteGuard).
#[derive(Debug, Clone, clap::Args)]
pub struct HttpLimits {
    /// Maximum time until the answer to a request begins, in seconds
    ///
    /// After this time the answer is 503.
    #[arg(long, env = "REQUEST_TIMEOUT", value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=900))]
    pub request_timeout: u16,

    /// Maximum number of requests at the same time
    ///
    /// The next request is answered with 503.
    #[arg(long, env = "CONCURRENT_REQUESTS", value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u16).range(1..))]
    pub concurrent_requests: u16,

    /// Maximum length of an answer in bytes. `None` means no limit.
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
