//! The way of the spans out of the process.

use std::time::Duration;

use lambda_runtime::layers::{OpenTelemetryFaasTrigger, OpenTelemetryLayer};
use opentelemetry::{KeyValue, trace::TracerProvider as _};
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig};
use opentelemetry_sdk::{
    Resource,
    trace::{SdkTracer, SdkTracerProvider},
};

use crate::traces::{Endpoint, Trigger};

/// An invocation's spans go out after its answer and before the next event is asked for: so long,
/// then they are dropped with a warning. Shorter than the time that `ingest` keeps back from its
/// own limit.
const EXPORT_TIME: Duration = Duration::from_secs(1);

/// The spans of a process.
pub(crate) struct Spans(SdkTracerProvider);

impl Spans {
    /// Spans of the function `service`, to be sent to `endpoint`.
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

    /// Takes spans in.
    pub(crate) fn tracer(&self) -> SdkTracer {
        self.0.tracer("weir")
    }

    /// The layer that makes a span of each invocation, and sends all spans at its end.
    pub(crate) fn layer(self, trigger: Trigger) -> OpenTelemetryLayer<impl Fn() + Clone> {
        let flush = move || {
            // The processor logs what went wrong, on its thread.
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
