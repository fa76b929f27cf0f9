//! The log of a function.

use tracing_subscriber::{
    EnvFilter, Layer, Registry, fmt, layer::SubscriberExt, util::SubscriberInitExt,
};

/// Writes the log to stdout, one JSON object per line. `RUST_LOG` filters it, with `info` as the
/// default. Lambda collects the lines.
///
/// # Panics
/// When it is called twice.
pub(crate) fn to_stdout() {
    Registry::default().with(filter()).with(lines()).init();
}

/// Writes the log to stdout and sends the spans to `tracer`.
///
/// The filter of the log does not apply to the spans. Log lines do not go to `tracer`, because they
/// may name the caller.
#[cfg(feature = "otel")]
pub(crate) fn to_stdout_and(tracer: opentelemetry_sdk::trace::SdkTracer) {
    use tracing_subscriber::filter::{LevelFilter, filter_fn};

    let spans_only = filter_fn(|about| about.is_span() && *about.level() <= LevelFilter::INFO)
        .with_max_level_hint(LevelFilter::INFO);
    let spans = tracing_opentelemetry::layer().with_tracer(tracer).with_filter(spans_only);
    Registry::default().with(lines().with_filter(filter())).with(spans).init();
}

fn filter() -> EnvFilter {
    EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into())
}

fn lines<S>() -> impl Layer<S>
where
    S: tracing::Subscriber + for<'span> tracing_subscriber::registry::LookupSpan<'span>,
{
    fmt::layer().json().flatten_event(true).with_current_span(false).with_writer(std::io::stdout)
}
