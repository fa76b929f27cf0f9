//! Error exits of the program.

use std::process::ExitCode;

use axum::http::StatusCode;
use weir_api::ApiError;
use weir_blob::BlobError;
use weir_dump::DumpError;
use weir_http::AccessError;
use weir_kafka::{BrokerError, ProduceError};
use weir_store::StoreError;

use crate::output;

/// The text for stderr (one line) and the exit code.
#[derive(Debug)]
pub struct Exit {
    code: u8,
    line: String,
}

impl std::fmt::Display for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.line)
    }
}

impl Exit {
    /// Creates an error of wrong usage, or of a machine that lacks something. The exit code is 2.
    pub fn usage(line: impl std::fmt::Display) -> Self {
        Self { code: 2, line: line.to_string() }
    }

    /// Creates an error of an action that failed. The exit code is 1.
    pub fn failed(line: impl std::fmt::Display) -> Self {
        Self { code: 1, line: line.to_string() }
    }

    /// Prints the text on stderr, and returns the exit code.
    pub fn report(&self) -> ExitCode {
        if !self.line.is_empty() {
            output::error_line(format_args!("{}", self.line.trim_end()));
        }
        ExitCode::from(self.code)
    }

    /// Converts an error of clap. Help and version are printed unchanged; a fault becomes one line.
    pub(crate) fn from_clap(error: &clap::Error) -> Self {
        if !error.use_stderr() {
            let _ = error.print();
            return Self { code: 0, line: String::new() };
        }
        let text = error.render().to_string();
        // The fault is before the first empty line. Usage and hints follow.
        let fault: Vec<&str> =
            text.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
        Self::usage(format!("{} (see weir --help)", fault.join(" ").trim_start_matches("error: ")))
    }
}

impl From<StoreError> for Exit {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Setting(_)
            | StoreError::Refused(_)
            | StoreError::Schema(_)
            | StoreError::Migration { .. } => Self::usage(error),
            _ => Self::failed(error),
        }
    }
}

impl From<ApiError> for Exit {
    fn from(error: ApiError) -> Self {
        if let ApiError::Store(error) = error {
            return Self::failed(error);
        }
        let problem = error.problem();
        let line = format!("{}; {}", problem.detail, problem.hint);
        if problem.status == StatusCode::NOT_FOUND { Self::usage(line) } else { Self::failed(line) }
    }
}

impl From<DumpError> for Exit {
    fn from(error: DumpError) -> Self {
        match error {
            DumpError::Store(error) => error.into(),
            DumpError::Refused(_) | DumpError::Blob(BlobError::Setting(_)) => Self::usage(error),
            _ => Self::failed(error),
        }
    }
}

impl From<AccessError> for Exit {
    fn from(error: AccessError) -> Self {
        match error {
            AccessError::Secret(_) | AccessError::Late(_) => Self::failed(error),
            _ => Self::usage(error),
        }
    }
}

impl From<BrokerError> for Exit {
    fn from(error: BrokerError) -> Self {
        match error {
            BrokerError::PortTaken(_)
            | BrokerError::Client(_)
            | BrokerError::Security(_)
            | BrokerError::UnknownTopic(..) => Self::usage(error),
            _ => Self::failed(error),
        }
    }
}

impl From<ProduceError> for Exit {
    fn from(error: ProduceError) -> Self {
        match error {
            ProduceError::Client(_) | ProduceError::NoIam => Self::usage(error),
            ProduceError::Delivery { .. } => Self::failed(error),
        }
    }
}

impl From<weir_postgres::Error> for Exit {
    fn from(error: weir_postgres::Error) -> Self {
        // Nearly all of these errors are about something that this machine or folder lacks.
        Self::usage(error)
    }
}
