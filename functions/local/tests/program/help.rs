//! The help: golden files for each `-h` and `--help`, the list of all settings, suggestions after a
//! typing error.

use anyhow::{Context, Result};
use clap::Command;

use crate::common::weir;

/// The columns of a small terminal.
const COLUMNS: usize = 80;
/// The lines of `-h` that fit on a terminal without scrolling.
const LINES_MAX: usize = 40;

/// Returns the command line as it is on a small terminal.
fn root() -> Command {
    let mut root = ::weir::command().term_width(COLUMNS);
    root.build();
    root
}

/// Adds the name and the command of `command` and of every command below it.
fn add_commands(command: &Command, path: &str, all: &mut Vec<(String, Command)>) {
    all.push((path.to_owned(), command.clone()));
    for below in command.get_subcommands().filter(|below| below.get_name() != "help") {
        add_commands(below, &format!("{path} {}", below.get_name()), all);
    }
}

fn commands() -> Vec<(String, Command)> {
    let mut all = Vec::new();
    add_commands(&root(), "weir", &mut all);
    all
}

#[test]
fn every_short_help_fits_on_a_terminal() {
    for (name, mut command) in commands() {
        let help = command.render_help().to_string();
        let lines = help.lines().count();
        assert!(lines <= LINES_MAX, "{name} -h has {lines} lines:\n{help}");
        insta::assert_snapshot!(name.replace(' ', "_"), help);
    }
}

/// docs/cli.md has the same sentences, but not which settings each `--help` shows, nor how.
#[test]
fn every_long_help_is_the_reviewed_one() {
    for (name, mut command) in commands() {
        let help = command.render_long_help().to_string();
        insta::assert_snapshot!(format!("{}__long", name.replace(' ', "_")), help);
    }
}

#[test]
fn own_flags_come_first_and_then_the_settings_in_groups() {
    for (name, mut command) in commands() {
        let help = command.render_long_help().to_string();
        let place = |heading: &str| help.find(&format!("\n{heading}:\n"));
        let groups =
            ["Options", "Connection", "Kafka", "Storage", "Topics and plugins", "HTTP", "General"];
        let places: Vec<usize> = groups.into_iter().filter_map(place).collect();
        assert!(places.is_sorted(), "{name}: {help}");
    }
}

#[test]
fn the_list_of_settings_has_each_setting_with_its_variable() -> Result<()> {
    let mut root = root();
    let named: Vec<(String, String)> = root
        .get_arguments()
        .filter(|arg| arg.is_global_set())
        .filter_map(|arg| {
            let variable = arg.get_env()?.to_string_lossy().into_owned();
            Some((format!("--{}", arg.get_long()?), format!("[env: {variable}]")))
        })
        .collect();
    assert!(named.len() > 40, "{named:?}");
    let help = root
        .find_subcommand_mut("settings")
        .context("the list of settings")?
        .render_long_help()
        .to_string();
    for (flag, variable) in named {
        let lines = help.lines().filter(|line| line.split_whitespace().next() == Some(&flag));
        assert_eq!(lines.count(), 1, "{flag}: {help}");
        assert!(help.contains(&variable), "{variable}: {help}");
    }
    Ok(())
}

#[tokio::test]
async fn a_command_without_its_subcommand_lists_them() -> Result<()> {
    for (args, below) in [
        (&["failures"][..], "  retry"),
        (&["keys", "--data-dir", "/no/folder"], "  new"),
        (&["--port", "1", "topic"], "  reset"),
    ] {
        let ended = weir(args).await?;
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{ended:?}");
        assert!(
            ended.stderr.contains("Commands:\n") && ended.stderr.contains(below),
            "{args:?}: {}",
            ended.stderr
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_typing_error_gets_a_suggestion() -> Result<()> {
    for (args, says) in [
        (&["migrat"][..], "'migrat'; did you mean 'migrate'? (see weir --help)"),
        (&["failures", "lst"], "'lst'; did you mean 'list'? (see weir failures --help)"),
        (&["dump", "--form", "2026-01-01"], "did you mean '--from'? (see weir dump --help)"),
        (&["--databse-url", "x"], "did you mean '--database-url'? (see weir --help)"),
        (&["reconcile", "--repiar"], "did you mean '--repair'? (see weir reconcile --help)"),
        (&["--auth", "key"], "did you mean 'keys'? (see weir --help)"),
    ] {
        let ended = weir(args).await?;
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(
            ended.stderr.contains(says) && ended.stderr.lines().count() == 1,
            "{says}: {}",
            ended.stderr
        );
    }
    Ok(())
}

#[tokio::test]
async fn version_and_settings_are_commands_too() -> Result<()> {
    let (flag, command) = (weir(&["--version"]).await?, weir(&["version"]).await?);
    assert_eq!((command.code, &command.stdout), (Some(0), &flag.stdout), "{command:?}");
    let (help, list) = (weir(&["help", "settings"]).await?, weir(&["settings"]).await?);
    assert_eq!((list.code, help.code), (Some(0), Some(0)), "{help:?}");
    assert_eq!(list.stdout.trim_end(), help.stdout.trim_end());
    Ok(())
}
