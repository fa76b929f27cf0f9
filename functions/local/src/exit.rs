//! Error exits of the program.

use std::{io::Write, process::ExitCode};

use axum::http::StatusCode;
use clap::{
    Command, Error,
    error::{ContextKind, ContextValue, ErrorKind},
};
use strum::{EnumMessage, VariantArray};
use weir_api::ApiError;
use weir_blob::BlobError;
use weir_dump::DumpError;
use weir_http::AccessError;
use weir_kafka::{BrokerError, ProduceError};
use weir_store::StoreError;

use crate::output;

/// The exit status of the program.
///
/// The documentation of a variant is the cause, and its `message` the remedy. `docs/codes.md` is
/// made from both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumMessage, VariantArray)]
#[repr(u8)]
pub enum ExitStatus {
    /// The command did its work, or `weir` stopped after Ctrl-C or SIGTERM.
    #[strum(message = "Nothing to do.")]
    Success = 0,
    /// The command failed, or it found something: a difference, a missing record, a refused value.
    #[strum(
        message = "Read the line on standard error, or the lines on standard output. They name the cause."
    )]
    Failed = 1,
    /// A flag, a variable or a file is wrong, or the machine lacks something. A Lambda function
    /// with a wrong setting ends with this status too.
    #[strum(message = "Correct what the line on standard error names, then run the command again.")]
    Usage = 2,
}

/// The text for stderr (one line) and the exit status.
#[derive(Debug)]
pub struct Exit {
    status: ExitStatus,
    line: String,
}

impl std::fmt::Display for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.line)
    }
}

impl Exit {
    /// Creates an error of wrong usage, or of a machine that lacks something. The exit status is 2.
    pub fn usage(line: impl std::fmt::Display) -> Self {
        Self { status: ExitStatus::Usage, line: line.to_string() }
    }

    /// Creates an error of an action that failed. The exit status is 1.
    pub fn failed(line: impl std::fmt::Display) -> Self {
        Self { status: ExitStatus::Failed, line: line.to_string() }
    }

    /// Creates an error that was reported before.
    pub(crate) fn silent() -> Self {
        Self::failed("")
    }

    /// Creates the error with this exit status, which was reported before.
    pub(crate) fn reported(status: u8) -> Self {
        let status = match status {
            2 => ExitStatus::Usage,
            _ => ExitStatus::Failed,
        };
        Self { status, line: String::new() }
    }

    /// Returns the number of the exit status.
    pub(crate) fn code(&self) -> u8 {
        self.status as u8
    }

    /// Prints the text on stderr, and returns the exit code.
    pub fn report(&self) -> ExitCode {
        if !self.line.is_empty() {
            output::error_line(format_args!("{}", self.line.trim_end()));
        }
        ExitCode::from(self.code())
    }

    /// Converts an error of clap.
    ///
    /// Help and version are printed unchanged. A command without its subcommand prints its help on
    /// stderr. Any other error becomes one line, with the most similar name as a suggestion.
    pub(crate) fn from_clap(error: &Error, command: Command) -> Self {
        let printed = |status| Self { status, line: String::new() };
        match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
                let _ = error.print();
                return printed(ExitStatus::Success);
            }
            ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
                let _ = error.print();
                return printed(ExitStatus::Usage);
            }
            ErrorKind::MissingSubcommand => {
                let parent = text_of(error, ContextKind::InvalidSubcommand).unwrap_or_default();
                // If stderr is closed, the help is lost.
                let _ = write!(std::io::stderr(), "{}", help_of(command, &parent));
                return printed(ExitStatus::Usage);
            }
            _ => {}
        }
        let text = error.render().to_string();
        // The fault is before the first empty line. Usage and hints follow.
        let fault: Vec<&str> =
            text.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
        let fault = fault.join(" ");
        let suggestion = [
            ContextKind::SuggestedSubcommand,
            ContextKind::SuggestedArg,
            ContextKind::SuggestedValue,
        ]
        .into_iter()
        .find_map(|kind| text_of(error, kind))
        .map(|name| format!("; did you mean '{name}'?"))
        .unwrap_or_default();
        Self::usage(format!(
            "{}{suggestion} (see {} --help)",
            fault.trim_start_matches("error: "),
            used_command(error)
        ))
    }
}

/// Returns a text of the error's context; of several texts the last one, which is the most similar
/// name.
fn text_of(error: &Error, kind: ContextKind) -> Option<String> {
    match error.get(kind)? {
        ContextValue::String(text) => Some(text.clone()),
        ContextValue::Strings(texts) => texts.last().cloned(),
        ContextValue::StyledStr(text) => Some(text.to_string()),
        _ => None,
    }
}

/// Returns the command that the usage of an error is about, such as `weir failures list`.
fn used_command(error: &Error) -> String {
    let usage = text_of(error, ContextKind::Usage).unwrap_or_default();
    let is_name = |word: &&str| word.starts_with(|first: char| first.is_ascii_lowercase());
    let names: Vec<&str> =
        usage.trim_start_matches("Usage:").split_whitespace().take_while(is_name).collect();
    if names.is_empty() { "weir".to_owned() } else { names.join(" ") }
}

/// Returns the short help of a subcommand, whose name is `path`, such as `weir failures`.
fn help_of(mut command: Command, path: &str) -> String {
    command.build();
    let below = |found, name| Command::find_subcommand(found, name).unwrap_or(found);
    path.split(' ').skip(1).fold(&command, below).clone().render_help().to_string()
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
        match problem.status {
            StatusCode::NOT_FOUND | StatusCode::BAD_REQUEST => Self::usage(line),
            _ => Self::failed(line),
        }
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
            ProduceError::Client(_) => Self::usage(error),
            ProduceError::Security(error) => error.into(),
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
