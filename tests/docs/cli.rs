//! `docs/cli.md`: the commands of `weir` with their flags.

use clap::{Arg, Command};
use std::fmt::Write as _;

use crate::markdown::{code, default, meaning, sentences, table};

/// Returns the name of an argument with its values, such as `-d, --data <FILE>`.
fn name(arg: &Arg) -> String {
    let short = arg.get_short().map(|short| format!("-{short}, ")).unwrap_or_default();
    code(&format!("{short}{arg}"))
}

fn flags(args: &[&Arg]) -> String {
    let row = |arg: &&Arg| {
        let needed = if arg.is_required_set() { " Required." } else { "" };
        let variable = arg.get_env().map(|name| code(&name.to_string_lossy())).unwrap_or_default();
        [name(arg), format!("{}{needed}", meaning(arg)), default(arg), variable]
    };
    table(["flag", "meaning", "default", "variable"], &args.iter().map(row).collect::<Vec<_>>())
}

/// Returns the arguments of a command, without those of every command.
fn own(command: &Command) -> Vec<&Arg> {
    command
        .get_arguments()
        .filter(|arg| !arg.is_global_set() && !arg.is_hide_set())
        .filter(|arg| !matches!(arg.get_id().as_str(), "help" | "version"))
        .collect()
}

/// Returns the same arguments of the built command. Only they have their values.
fn of_built<'c>(args: &[&Arg], built: &'c Command) -> Vec<&'c Arg> {
    let same = |arg: &&Arg| built.get_arguments().find(|one| one.get_id() == arg.get_id());
    args.iter().filter_map(same).collect()
}

/// Appends a command and its subcommands. `built` is the same command with its usage.
fn describe(command: &Command, built: &Command, path: &str, page: &mut String) {
    let about = command.get_long_about().or_else(|| command.get_about());
    let about = sentences(&about.map(ToString::to_string).unwrap_or_default());
    let usage = built.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").replace("\n       ", "\n");
    let _ = write!(page, "\n### `{path}`\n\n{about}\n\n```text\n{usage}\n```\n");
    let aliases: Vec<_> = command.get_visible_aliases().map(code).collect();
    if !aliases.is_empty() {
        let _ = write!(page, "\nAlso: {}.\n", aliases.join(", "));
    }
    let args = of_built(&own(command), built);
    if !args.is_empty() {
        let _ = write!(page, "\n{}", flags(&args));
    }
    let uses = headings(command);
    if !uses.is_empty() && command.get_subcommands().next().is_none() {
        let links = uses.iter().map(|name| format!("[{name}](#{})", anchor(name)));
        let _ = write!(page, "\nUses settings of {}.\n", links.collect::<Vec<_>>().join(", "));
    }
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        if let Some(built) = built.find_subcommand(below.get_name()) {
            describe(below, built, &format!("{path} {}", below.get_name()), page);
        }
    }
}

/// Returns the headings of the settings that the help of a command shows.
fn headings(command: &Command) -> Vec<&str> {
    let mut all = Vec::new();
    for arg in command.get_arguments().filter(|arg| arg.is_global_set() && !arg.is_hide_set()) {
        let heading = arg.get_help_heading().unwrap_or("Options");
        if !all.contains(&heading) {
            all.push(heading);
        }
    }
    all
}

fn anchor(heading: &str) -> String {
    heading.to_lowercase().replace(' ', "-")
}

/// Returns the headings of the flags of every command, in order, each with its flags.
fn groups(command: &Command) -> Vec<(String, Vec<&Arg>)> {
    let mut all: Vec<(String, Vec<&Arg>)> = Vec::new();
    for arg in command.get_arguments().filter(|arg| arg.is_global_set() && !arg.is_hide_set()) {
        let heading = arg.get_help_heading().unwrap_or("Options");
        match all.iter_mut().find(|(known, _)| known == heading) {
            Some((_, args)) => args.push(arg),
            None => all.push((heading.to_owned(), vec![arg])),
        }
    }
    all
}

pub(crate) fn page() -> String {
    let command = weir::command();
    let mut built = command.clone();
    built.build();
    let mut page = "# Commands and flags

This page lists the commands of the program `weir`, and their flags. `weir COMMAND --help` prints
the same texts. [operations.md](operations.md) says when to use which command, and
[configuration.md](configuration.md) explains the settings.

`weir` without a command runs the whole system: ingest, the HTTP API, and the daily dumps.

## Commands
"
    .to_owned();
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        if let Some(built) = built.find_subcommand(below.get_name()) {
            describe(below, built, &format!("weir {}", below.get_name()), &mut page);
        }
    }
    page += "
## Flags of every command

Every command accepts these flags, also where it does not use them. Each is a setting: see
[configuration.md](configuration.md). `-h` prints the short help of a command, `--help` the long
one, `weir help settings` all settings, and `weir --version` the version.
";
    for (heading, args) in groups(&command) {
        let _ = write!(page, "\n### {heading}\n\n{}", flags(&of_built(&args, &built)));
    }
    page
}
