//! Spans for an OpenTelemetry collector: one an invocation, below it what the code makes. Off
//! without an endpoint. Source of the names:
//! <https://opentelemetry.io/docs/specs/otel/protocol/exporter/>

use std::str::FromStr;

use clap::Args;
use http::{Uri, uri::Scheme};

/// Where spans go.
#[derive(Debug, Clone, Args)]
pub struct TracesConfig {
    /// The `OpenTelemetry` collector that spans go to, OTLP over HTTP, as <http://localhost:4318>;
    /// needs the feature otel
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", value_name = "URL")]
    pub otel_exporter_otlp_endpoint: Option<Endpoint>,
}

/// The base URL of a collector, without the path of a signal.
#[derive(Debug, Clone)]
pub struct Endpoint(String);

impl Endpoint {
    /// Where its spans are posted to.
    pub fn spans(&self) -> String {
        [&self.0, "/v1/traces"].concat()
    }
}

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let uri: Uri = text.parse().map_err(|error| format!("not a URL: {error}"))?;
        match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTP || *scheme == Scheme::HTTPS => {
                Ok(Self(text.trim_end_matches('/').to_owned()))
            }
            _ => Err("it must begin with http:// or https://".to_owned()),
        }
    }
}

/// What makes a function run, in OpenTelemetry's terms.
/// Source: <https://opentelemetry.io/docs/specs/semconv/registry/attributes/faas/>
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// A request that somebody waits for.
    Http,
    /// Messages.
    PubSub,
    /// A schedule.
    Timer,
    /// Anything else.
    Other,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_is_an_http_url() {
        for right in ["http://localhost:4318", "https://collector.example/otlp/"] {
            right.parse::<Endpoint>().unwrap();
        }
        for wrong in ["", "localhost:4318", "grpc://localhost:4317", "http://", "http://a b"] {
            wrong.parse::<Endpoint>().expect_err(wrong);
        }
    }
}
