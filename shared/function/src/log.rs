//! The log of a function.

use tracing_subscriber::EnvFilter;

/// From now on a JSON object a line on stdout, where Lambda takes it up: what `RUST_LOG` lets through, `info` without one.
///
/// # Panics
/// When it is called twice.
pub fn log_to_stdout() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into());
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_env_filter(filter)
        .with_writer(std::io::stdout)
        .init();
}
