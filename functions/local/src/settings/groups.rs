//! The settings in the help: the groups of the settings, and the settings that each command uses.

use clap::{Arg, Command};

const CONNECTION: &[&str] = &[
    "data-dir",
    "database-url",
    "database-reader-url",
    "database-secret-arn",
    "database-iam-region",
    "postgres-bin",
    "connect-timeout",
    "statement-timeout",
    "lock-timeout",
    "database-connections",
];
const BROKER: &[&str] = &["kafka", "kafka-property", "kafka-port"];
const READING: &[&str] = &["lanes", "bisect", "max-retries"];
const DUMPS: &[&str] = &["blob-url", "models", "formats"];
const DAILY: &[&str] = &["dump-at", "public-dumps"];
const DATA: &[&str] = &["topics", "event-fields", "dedupe", "plugins", "avro", "group-id", "keep"];
const KEYS: &[&str] = &["api-keys-file", "api-keys-secret-arn"];
const HTTP: &[&str] = &[
    "host",
    "port",
    "auth",
    "invoke-path",
    "request-timeout",
    "concurrent-requests",
    "trusted-proxies",
    "collect-idle-timeout",
    "collect-streams",
    "collect-unkeyed-streams",
    "collect-address-streams",
    "collect-min-rate",
    "collect-kafka-timeout",
];
const START: &[&str] = &["no-sample", "no-migrate"];
const GENERAL: &[&str] = &["aws", "config", "log", "log-format"];

/// The groups with their headings, in the order of the help. Each setting is in one of them.
const GROUPS: [(&str, &[&[&str]]); 6] = [
    ("Connection", &[CONNECTION]),
    ("Kafka", &[BROKER, READING]),
    ("Storage", &[DUMPS, DAILY]),
    ("Topics and plugins", &[DATA]),
    ("HTTP", &[HTTP, KEYS]),
    ("General", &[START, GENERAL]),
];

const LISTED: &str = "`weir help settings` lists all settings.";
const LISTED_ROOT: &str =
    "Without a command, weir runs the whole system. All settings: weir help settings";

/// Returns the settings that a command uses. Its help shows them; it accepts the others too.
fn used(command: &str) -> &'static [&'static [&'static str]] {
    match command {
        "migrate" | "replay" | "failures" | "apply" => &[CONNECTION, DATA, GENERAL],
        "sql-docs" | "config" => &[CONNECTION, GENERAL],
        "dump" | "retention" => &[CONNECTION, DUMPS, DATA, GENERAL],
        "restore" => &[CONNECTION, &["blob-url"], GENERAL],
        "collect" | "topic" => &[CONNECTION, BROKER, DATA, GENERAL],
        "reconcile" => &[CONNECTION, BROKER, &["bisect", "max-retries"], DATA, GENERAL],
        "keys" => &[KEYS, GENERAL],
        "settings" => {
            &[CONNECTION, BROKER, READING, DUMPS, DAILY, DATA, HTTP, KEYS, START, GENERAL]
        }
        _ => &[],
    }
}

/// Returns whether `-h` of a command shows a setting. `--help` shows all settings that the command
/// uses.
fn is_short(command: &str, setting: &str) -> bool {
    match setting {
        "data-dir" | "database-url" | "kafka" => true,
        "blob-url" => command != "weir",
        "port" => matches!(command, "weir" | "settings"),
        "api-keys-file" => matches!(command, "keys" | "settings"),
        "keep" => command == "retention",
        "topics" | "plugins" | "group-id" => command == "apply",
        "config" => matches!(command, "config" | "settings"),
        _ => false,
    }
}

/// Returns the command with its help: each subcommand shows the settings that it uses, in groups.
/// The settings are the arguments of `root`, which are global.
pub(crate) fn with_help(root: Command) -> Command {
    let settings = in_groups(&root);
    let shown: Vec<Arg> = settings.iter().map(|arg| in_command("weir", arg)).collect();
    let root =
        shown.into_iter().fold(root, |root, arg| root.mut_arg(arg.get_id().clone(), |_| arg));
    root.after_help(LISTED_ROOT).mut_subcommands(|command| {
        let name = command.get_name().to_owned();
        let settings: Vec<Arg> =
            settings
                .iter()
                .map(|arg| {
                    if is_used(&name, arg) {
                        in_command(&name, arg)
                    } else {
                        arg.clone().hide(true)
                    }
                })
                .collect();
        let command = if used(&name).is_empty() { command } else { command.after_help(LISTED) };
        with_settings(command, &settings)
    })
}

/// Returns the command for the completions of a shell. A subcommand has only the settings that it
/// uses.
pub(crate) fn for_completions(root: Command) -> Command {
    let settings = in_groups(&root);
    root.mut_args(|arg| arg.global(false)).mut_subcommands(|command| {
        let name = command.get_name().to_owned();
        let settings: Vec<Arg> = settings
            .iter()
            .filter(|arg| is_used(&name, arg))
            .map(|arg| arg.clone().global(false))
            .collect();
        with_settings(command, &settings)
    })
}

/// Returns the settings with their headings, in the order of the groups.
fn in_groups(root: &Command) -> Vec<Arg> {
    let of_group = |(heading, names): &(&'static str, &[&[&str]])| {
        let named = names.iter().copied().flatten().filter_map(|name| {
            root.get_arguments().find(|arg| arg.get_long() == Some(*name)).cloned()
        });
        named.map(|arg| arg.help_heading(*heading).hide_env_values(true)).collect::<Vec<_>>()
    };
    GROUPS.iter().flat_map(of_group).collect()
}

fn is_used(command: &str, arg: &Arg) -> bool {
    used(command).iter().copied().flatten().any(|name| arg.get_long() == Some(*name))
}

/// The variables are only in `weir help settings`.
fn in_command(command: &str, arg: &Arg) -> Arg {
    let is_short = is_short(command, arg.get_long().unwrap_or_default());
    arg.clone().hide_env(command != "settings").hide_short_help(!is_short)
}

/// A copy of a setting replaces the one that clap would inherit from the root. Subcommands of a
/// subcommand get their own copies too.
fn with_settings(command: Command, settings: &[Arg]) -> Command {
    let after = command.get_after_help().cloned();
    let command = command.mut_subcommands(|below| {
        let below = match &after {
            Some(after) => below.after_help(after.clone()),
            None => below,
        };
        with_settings(below, settings)
    });
    // The help shows no values of the environment, which may be secrets.
    command.mut_args(|arg| arg.hide_env_values(true)).args(settings)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::Settings;

    #[test]
    fn each_setting_is_in_one_group_and_each_name_is_a_setting() {
        let root = Settings::command();
        let mut settings: Vec<&str> = root.get_arguments().filter_map(Arg::get_long).collect();
        let mut grouped: Vec<&str> =
            GROUPS.iter().flat_map(|(_, names)| names.iter().copied().flatten().copied()).collect();
        settings.sort_unstable();
        grouped.sort_unstable();
        assert_eq!(settings, grouped);
        let names: Vec<&str> = root.get_subcommands().map(Command::get_name).collect();
        for command in names {
            for name in used(command).iter().copied().flatten() {
                assert!(settings.contains(name), "{command}: {name}");
            }
        }
    }
}
