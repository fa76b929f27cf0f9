//! Which commands run in the function `admin`.
//!
//! The program checks a command before it sends it, and the function checks it again: whoever may
//! invoke the function may run these commands, and must not read its files or its variables.

use std::ffi::OsString;

use weir_blob::BlobUrl;

use crate::{
    Command, Exit, Settings, layers,
    settings::{KeysCommand, MigrateCommand},
};

/// The settings that a person may give. The function has its own for everything else, such as the
/// database.
const SETTINGS: [&str; 15] = [
    "aws",
    "topics",
    "event-fields",
    "dedupe",
    "plugins",
    "group-id",
    "keep",
    "models",
    "formats",
    "max-retries",
    "bisect",
    "statement-timeout",
    "lock-timeout",
    "log",
    "log-format",
];

/// Checks the arguments of a command. The error says why the function does not run it.
pub(super) fn check(arguments: &[String]) -> Result<(), Exit> {
    let line: Vec<OsString> = std::iter::once("weir")
        .chain(arguments.iter().map(String::as_str))
        .map(Into::into)
        .collect();
    let (settings, given) = layers::given(&line)?;
    if let Some(setting) = given.iter().find(|name| !SETTINGS.contains(&name.as_str())) {
        return Err(Exit::usage(format!(
            "--{setting} cannot be given with --aws: the function has its own; the template sets it"
        )));
    }
    refusal(&settings).map_or(Ok(()), |why| Err(Exit::usage(why)))
}

/// Returns why a command does not run in the function.
fn refusal(settings: &Settings) -> Option<&'static str> {
    let Some(command) = &settings.command else {
        return Some("--aws needs a command, for example `weir --aws STACK failures list`");
    };
    match command {
        Command::Migrate { what: None } => Some(
            "`weir migrate` does not run with --aws: each deployment of the stack migrates; `weir \
                migrate status` does",
        ),
        Command::Keys { what: KeysCommand::New { .. } } => Some(
            "`weir keys new` does not run with --aws, because it writes a file of this machine: \
                run it without --aws, and store the text of the file as the secret with the keys",
        ),
        Command::Restore(args) if matches!(args.from, Some(BlobUrl::File(_))) => Some(
            "`weir restore --from file:…` does not run with --aws, because it reads files of this \
                machine: copy them into a bucket",
        ),
        Command::Apply(args) if !args.files.is_empty() => Some(
            "`weir apply FILE` does not run with --aws, because it reads files of this machine: \
                give flags such as --topics",
        ),
        Command::Send(_) | Command::Collect(_) | Command::Transform(_) => Some(
            "`weir send`, `weir collect` and `weir transform` do not run with --aws, because they \
                read files of this machine: run them without --aws; `weir send` has --url",
        ),
        Command::Completions { .. } | Command::Version | Command::Settings => {
            Some("this command needs no database and no Kafka: run it without --aws")
        }
        Command::Migrate { what: Some(MigrateCommand::Status { .. }) }
        | Command::Replay(_)
        | Command::Dump(_)
        | Command::Restore(_)
        | Command::Retention { .. }
        | Command::Topic { .. }
        | Command::Keys { what: KeysCommand::List { .. } }
        | Command::Failures { .. }
        | Command::Reconcile { .. }
        | Command::SqlDocs
        | Command::Apply(_)
        | Command::Config { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(line: &str) -> Result<(), String> {
        let arguments: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        check(&arguments).map_err(|exit| exit.to_string())
    }

    #[test]
    fn what_needs_the_machine_of_the_person_is_refused_in_one_line() {
        for line in [
            "migrate",
            "keys new --scope read",
            "restore --model builds --day 2026-01-01 --from file:///proc",
            "apply /proc/self/environ",
            "send --topic orders",
            "collect folder --files =orders",
            "transform --convert github -",
            "completions bash",
            "version",
            "failures list --database-url postgresql://u:hunter2@h/d",
            "--config /proc/self/environ failures list",
            "--kafka-property sasl.password=hunter2 reconcile",
            "--api-keys-file /proc/self/environ keys list",
            "--avro orders=/proc/self/environ replay --model builds",
            "dump --blob-url file:///tmp",
            "--data-dir /tmp failures list",
            "failures lst",
            "--bogus",
        ] {
            let why = checked(line).expect_err(line);
            assert!(why.lines().count() == 1 && !why.contains("hunter2"), "{line}: {why}");
        }
        assert!(checked("").is_err(), "the whole system");
    }

    #[test]
    fn the_other_commands_run() {
        for line in [
            "migrate status",
            "replay --model builds --yes",
            "--log debug failures list --json",
            "failures retry --all",
            "retention --keep 400d --dry-run",
            "dump status",
            "restore --model builds --day 2026-01-01 --from s3://bucket/dumps",
            "topic reset orders --yes",
            "apply --topics +orders=events",
            "keys list",
            "reconcile --repair",
            "sql-docs",
            "config",
        ] {
            assert_eq!(checked(line), Ok(()), "{line}");
        }
    }
}
