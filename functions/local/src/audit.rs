//! The table `audit` for commands on this machine. The function `admin` writes the rows of the
//! commands that it runs.

use clap::{Arg, ArgAction};
use uuid::Uuid;
use weir_store::{
    Store, StoreError,
    audit::{self, Outcome, Source, Use},
};

use crate::{
    Command, Exit, Settings, layers, part,
    random::random,
    settings::{FailuresCommand, TopicCommand},
};

/// The settings whose values a row has. The others may contain secrets.
const SHOWN: [&str; 17] = [
    "aws",
    "blob-url",
    "bisect",
    "data-dir",
    "dedupe",
    "event-fields",
    "formats",
    "group-id",
    "keep",
    "lock-timeout",
    "log",
    "log-format",
    "max-retries",
    "models",
    "plugins",
    "statement-timeout",
    "topics",
];

/// Returns the command line for the row, if this process runs a command that changes data.
pub(crate) fn action(settings: &Settings) -> Option<String> {
    // The function writes the row of a part.
    if part::is_one() || !changes_data(settings.command.as_ref()?) {
        return None;
    }
    let arguments: Vec<String> =
        layers::line().iter().skip(1).map(|argument| argument.to_string_lossy().into()).collect();
    Some(line(&arguments))
}

fn changes_data(command: &Command) -> bool {
    match command {
        Command::Replay(_)
        | Command::Restore(_)
        | Command::Apply(_)
        | Command::Topic { what: TopicCommand::Reset { .. } }
        | Command::Reconcile { repair: true, .. }
        | Command::Retention { dry_run: false, .. } => true,
        Command::Failures { what } => {
            matches!(what, FailuresCommand::Retry { .. } | FailuresCommand::Discard { .. })
        }
        _ => false,
    }
}

/// Returns a command line without the values of settings that may contain secrets.
pub(crate) fn line(arguments: &[String]) -> String {
    let command = layers::command();
    let hides = |name: &str| {
        let setting = command.get_arguments().find(|arg| arg.get_long() == Some(name));
        setting.is_some_and(|arg| takes_value(arg) && !SHOWN.contains(&name))
    };
    let mut is_hidden = false;
    let mut words = Vec::with_capacity(arguments.len());
    for argument in arguments {
        if std::mem::take(&mut is_hidden) {
            words.push("***".to_owned());
            continue;
        }
        let name = argument.strip_prefix("--").unwrap_or_default();
        match name.split_once('=') {
            Some((name, _)) if hides(name) => words.push(format!("--{name}=***")),
            None if hides(name) => {
                is_hidden = true;
                words.push(argument.clone());
            }
            _ => words.push(quoted(argument)),
        }
    }
    words.join(" ")
}

fn takes_value(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Set | ArgAction::Append)
}

fn quoted(argument: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,~@+*".contains(c);
    if !argument.is_empty() && argument.chars().all(is_plain) {
        argument.to_owned()
    } else {
        format!("{argument:?}")
    }
}

/// Runs a command that may have a row: writes the row before, and completes it after.
///
/// A command on a machine needs no row to run, because its user may change the database without
/// Weir, too.
pub(crate) async fn with<T>(
    settings: &Settings,
    store: &Store,
    work: impl AsyncFnOnce(&Store) -> Result<T, Exit>,
) -> Result<T, Exit> {
    let begun = match &settings.audited {
        Some(action) => {
            // A database that is away is the error of the command.
            store.ping().await?;
            begin(store, action).await
        }
        None => None,
    };
    let done = work(store).await;
    if let Some(id) = begun {
        let (outcome, status) = match &done {
            Ok(_) => (Outcome::Done, 0),
            Err(exit) => (Outcome::Failed, exit.code()),
        };
        if let Err(error) = audit::end(store, id, outcome, Some(status.into())).await {
            tracing::warn!(%error, "the row of the table audit is not completed");
        }
    }
    done
}

async fn begin(store: &Store, action: &str) -> Option<Uuid> {
    let id = uuid::Builder::from_random_bytes(random().ok()?).into_uuid();
    let name = |name: whoami::Result<String>| name.unwrap_or_else(|_| "unknown".to_owned());
    let begun = Use {
        id,
        source: Source::Weir,
        actor: format!("{}@{}", name(whoami::username()), name(whoami::hostname())),
        is_proved: false,
        action: action.to_owned(),
        request_id: None,
    };
    match audit::begin(store, &begun).await {
        Ok(_) => Some(id),
        // The command itself names the remedy.
        Err(StoreError::Schema(_)) => None,
        Err(error) => {
            tracing::warn!(%error, "the command is not noted in the table audit");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        line(&text.split(' ').map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn a_line_has_no_value_that_may_be_a_secret() {
        for (given, wanted) in [
            ("replay --model builds --yes", "replay --model builds --yes"),
            (
                "--database-url postgresql://u:hunter2@h/d apply --topics +a=events",
                "--database-url *** apply --topics +a=events",
            ),
            ("--kafka-property=sasl.password=hunter2 reconcile", "--kafka-property=*** reconcile"),
            ("--no-sample failures discard a-0-1", "--no-sample failures discard a-0-1"),
            ("failures retry é", "failures retry \"é\""),
        ] {
            assert_eq!(shown(given), wanted);
        }
        assert_eq!(line(&["failures".to_owned(), String::new()]), r#"failures """#);
    }
}
