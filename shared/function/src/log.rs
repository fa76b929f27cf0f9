//! The log of a function.

use tracing_subscriber::{
    EnvFilter, Layer, Registry, fmt, layer::SubscriberExt, util::SubscriberInitExt,
};

/// From now on a JSON object a line on stdout, where Lambda takes it up: what `RUST_LOG` lets
/// through, `info` without one.
///
/// # Panics
/// When it is called twice.
pub(crate) fn to_stdout() {
    Registry::default().with(filter()).with(lines()).init();
}

/// The same, and the spans to `tracer`, whatever the log lets through; no lines of it, which may
/// name who asked.
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
