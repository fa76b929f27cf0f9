//! Spans for an OpenTelemetry collector. Each invocation is a span, with the spans of the code
//! below it. Spans are off without an endpoint. Source of the names:
//! <https://opentelemetry.io/docs/specs/otel/protocol/exporter/>

use std::str::FromStr;

use clap::Args;
use http::{Uri, uri::Scheme};

/// The destination of the spans.
#[derive(Debug, Clone, Args)]
pub struct TracesConfig {
    /// URL of an `OpenTelemetry` collector for spans, for example <http://localhost:4318>
    ///
    /// The spans are sent with OTLP over HTTP. The function must be built with the feature otel.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", value_name = "URL")]
    pub otel_exporter_otlp_endpoint: Option<Endpoint>,
}

/// The base URL of a collector, without the path of a signal.
#[derive(Debug, Clone)]
pub struct Endpoint(String);

impl Endpoint {
    /// Returns the URL to which spans are posted.
    pub fn spans(&self) -> String {
        [&self.0, "/v1/traces"].concat()
    }
}

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let uri: Uri = text.parse().map_err(|error| format!("not a valid URL: {error}"))?;
        match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTP || *scheme == Scheme::HTTPS => {
                Ok(Self(text.trim_end_matches('/').to_owned()))
            }
            _ => Err("the URL must begin with http:// or https://".to_owned()),
        }
    }
}

/// The trigger of a function, in OpenTelemetry's terms.
///
/// Source: <https://opentelemetry.io/docs/specs/semconv/registry/attributes/faas/>
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// An HTTP request; a client waits for the answer.
    Http,
    /// Messages of a queue or a topic.
    PubSub,
    /// A schedule.
    Timer,
    /// Any other trigger.
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
