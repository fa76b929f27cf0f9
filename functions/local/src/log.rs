//! The log of the program on stderr.

use std::io::{self, IsTerminal};

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;

use crate::output;

/// The default of `--log`.
pub(crate) const LOG_DEFAULT: &str = "info,librdkafka=error";

/// The format of the log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One line of text for each event
    Text,
    /// One JSON object for each line, with timestamp, level, target, message and fields
    Json,
}

/// Starts the log.
pub(crate) fn start(filter: &str, format: LogFormat) {
    let terminal = io::stderr().is_terminal();
    // The subscriber would report a failed write with `eprintln!`. With a closed stderr that call
    // panics and ends the thread that logs.
    let log = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(in_force(filter, format, terminal)))
        .with_writer(io::stderr)
        .log_internal_errors(false);
    match format {
        LogFormat::Text => log.with_ansi(terminal).with_target(false).init(),
        LogFormat::Json => {
            output::lines_are_json();
            log.json().flatten_event(true).with_current_span(false).init();
        }
    }
}

/// Returns the filter in force. On a terminal a person looks for the state of the system, so the
/// default leaves out the line for each request.
fn in_force(filter: &str, format: LogFormat, terminal: bool) -> String {
    if terminal && format == LogFormat::Text && filter == LOG_DEFAULT {
        format!("{filter},weir_api::access=warn")
    } else {
        filter.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_terminal_leaves_out_requests_unless_the_user_chose() {
        let hides = |filter, format, terminal| {
            in_force(filter, format, terminal).contains("weir_api::access=warn")
        };
        assert!(hides(LOG_DEFAULT, LogFormat::Text, true));
        assert!(!hides(LOG_DEFAULT, LogFormat::Text, false));
        assert!(!hides(LOG_DEFAULT, LogFormat::Json, true));
        assert!(!hides("info", LogFormat::Text, true));
    }
}
