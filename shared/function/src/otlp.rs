//! Exports the spans over OTLP.

use std::time::Duration;

use lambda_runtime::layers::{OpenTelemetryFaasTrigger, OpenTelemetryLayer};
use opentelemetry::{KeyValue, trace::TracerProvider as _};
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig};
use opentelemetry_sdk::{
    Resource,
    trace::{SdkTracer, SdkTracerProvider},
};

use crate::traces::{Endpoint, Trigger};

/// The time limit for sending spans. Spans are sent after the answer of an invocation and before
/// the request for the next event. After this time they are dropped with a warning. The limit is
/// shorter than the time that `ingest` reserves before its own timeout.
const EXPORT_TIME: Duration = Duration::from_secs(1);

/// The exporter of the process's spans.
pub(crate) struct Spans(SdkTracerProvider);

impl Spans {
    /// Creates the exporter that sends the spans of the function `service` to `endpoint`.
    pub(crate) fn to(
        endpoint: &Endpoint,
        service: &'static str,
    ) -> Result<Self, ExporterBuildError> {
        let exporter = SpanExporter::builder()
            .with_http()
            .with_endpoint(endpoint.spans())
            .with_timeout(EXPORT_TIME)
            .build()?;
        let resource = Resource::builder()
            .with_service_name(service)
            .with_attributes([
                KeyValue::new("service.namespace", "weir"),
                KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            ])
            .build();
        Ok(Self(
            SdkTracerProvider::builder()
                .with_batch_exporter(exporter)
                .with_resource(resource)
                .build(),
        ))
    }

    /// Returns the tracer that collects spans.
    pub(crate) fn tracer(&self) -> SdkTracer {
        self.0.tracer("weir")
    }

    /// Returns the layer that creates a span for each invocation and sends all spans at its end.
    pub(crate) fn layer(self, trigger: Trigger) -> OpenTelemetryLayer<impl Fn() + Clone> {
        let flush = move || {
            // The processor logs an error on its own thread.
            let _ = self.0.force_flush();
        };
        OpenTelemetryLayer::new(flush).with_trigger(match trigger {
            Trigger::Http => OpenTelemetryFaasTrigger::Http,
            Trigger::PubSub => OpenTelemetryFaasTrigger::PubSub,
            Trigger::Timer => OpenTelemetryFaasTrigger::Timer,
            Trigger::Other => OpenTelemetryFaasTrigger::Other,
        })
    }
}
