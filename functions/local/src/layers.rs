//! The order of the settings: flag before environment before file before default.
//!
//! The file's values become clap's defaults, so that clap applies the order.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use clap::{ArgAction, ArgMatches, CommandFactory, FromArgMatches, parser::ValueSource};

use weir_collect::SourcesConfig;
use weir_settings::DataTables;

use crate::{
    Exit, Settings,
    settings::{for_completions, with_help},
};

/// Reads the settings of this process.
#[expect(clippy::disallowed_methods, reason = "this code reads the environment")]
pub(crate) fn read() -> Result<Settings, Exit> {
    let is_aws =
        |arg: OsString| arg.to_str().is_some_and(|arg| arg == "--aws" || arg.starts_with("--aws="));
    if std::env::var_os("WEIR_AWS").is_some() || std::env::args_os().any(is_aws) {
        // The command runs elsewhere, so it reads no file of this machine.
        return Ok(given(&line())?.0);
    }
    parse(&std::env::args_os().collect::<Vec<_>>(), std::env::var_os("WEIR_CONFIG"))
}

/// Returns the arguments of this process.
pub(crate) fn line() -> Vec<OsString> {
    std::env::args_os().collect()
}

/// Returns the command line.
pub(crate) fn command() -> clap::Command {
    with_help(settings())
}

/// Returns the list of all settings, as `weir help settings` prints it.
pub(crate) fn help_of_settings() -> String {
    let mut command = command();
    command.build();
    let found = command.find_subcommand_mut("settings");
    found.map(|settings| settings.render_long_help().to_string()).unwrap_or_default()
}

/// Returns the command line with the completions that a shell offers.
pub(crate) fn completions() -> clap::Command {
    for_completions(settings())
}

/// Returns the settings as arguments, and the subcommands with their own flags only.
fn settings() -> clap::Command {
    // The arguments are global, so that `weir migrate --database-url …` means the same as `weir
    // --database-url … migrate`.
    Settings::command().mut_args(|arg| arg.global(true))
}

pub(crate) fn parse(args: &[OsString], config_env: Option<OsString>) -> Result<Settings, Exit> {
    let Layers { sources, tables, matches, .. } = layers(args, config_env)?;
    let settings =
        Settings::from_arg_matches(&matches).map_err(|e| Exit::from_clap(&e, command()))?;
    Ok(Settings { sources, tables, ..settings })
}

/// Returns the settings of a command line without environment and file, and the names of the
/// settings that it has.
pub(crate) fn given(args: &[OsString]) -> Result<(Settings, Vec<String>), Exit> {
    let (command, matches) = found(args, &[])?;
    let settings =
        Settings::from_arg_matches(&matches).map_err(|e| Exit::from_clap(&e, self::command()))?;
    let is_given = |arg: &&clap::Arg| {
        matches.value_source(arg.get_id().as_str()) == Some(ValueSource::CommandLine)
    };
    let names = command.get_arguments().filter(is_given).filter_map(clap::Arg::get_long);
    Ok((settings, names.map(str::to_owned).collect()))
}

/// The settings with their sources.
struct Layers {
    /// The file's values are its defaults.
    command: clap::Command,
    /// The file without its tables.
    in_file: toml::Table,
    sources: SourcesConfig,
    tables: DataTables,
    matches: ArgMatches,
}

fn layers(args: &[OsString], config_env: Option<OsString>) -> Result<Layers, Exit> {
    let config = config_file(args).or(config_env.map(PathBuf::from));
    let (mut in_file, mut sources, mut tables) =
        (toml::Table::new(), SourcesConfig::default(), DataTables::default());
    let mut defaults = Vec::new();
    if let Some(file) = &config {
        let shown = format!("--config {}", file.display());
        in_file = table(file, &shown)?;
        sources = take_sources(&mut in_file, &shown)?;
        tables.take(&mut in_file, file)?;
        defaults.push((in_file.clone(), shown));
    }
    let (mut command, mut matches) = found(args, &defaults)?;
    // The files of `weir apply` have the format of the file of --config, which may be one of them.
    let apply =
        matches.subcommand_matches("apply").and_then(|apply| apply.get_many::<PathBuf>("files"));
    let files: Vec<PathBuf> =
        apply.into_iter().flatten().filter(|file| config.as_ref() != Some(file)).cloned().collect();
    for file in &files {
        let shown = file.display().to_string();
        let mut in_this = table(file, &shown)?;
        take_sources(&mut in_this, &shown)?;
        tables.take(&mut in_this, file)?;
        defaults.push((in_this, shown));
        (command, matches) = found(args, &defaults)?;
    }
    Ok(Layers { command, in_file, sources, tables, matches })
}

/// Parses the command line. `defaults` are the tables of files, each with its name for errors.
fn found(
    args: &[OsString],
    defaults: &[(toml::Table, String)],
) -> Result<(clap::Command, ArgMatches), Exit> {
    // clap copies the settings into the subcommand that it parses, so their defaults are set
    // before.
    let command = || {
        let with = |command, (table, shown): &(toml::Table, String)| {
            with_defaults(command, table.clone(), shown)
        };
        defaults.iter().try_fold(settings(), with)
    };
    let mut plain = command()?;
    if let Ok(matches) = plain.try_get_matches_from_mut(args) {
        return Ok((plain, matches));
    }
    // The help or an error is shown. The help has a copy of each setting in each subcommand, which
    // costs every start more than all else in here.
    let mut command = with_help(command()?);
    match command.try_get_matches_from_mut(args) {
        Ok(matches) => Ok((command, matches)),
        Err(error) => Err(Exit::from_clap(&error, command)),
    }
}

/// A setting's name, its values, and their source.
pub(crate) type Setting = (String, Vec<String>, &'static str);

/// Returns the source of each setting, for `weir config`.
#[expect(clippy::disallowed_methods, reason = "this code reads the environment")]
pub(crate) fn sources() -> Result<Vec<Setting>, Exit> {
    let Layers { command, in_file, matches, .. } =
        layers(&std::env::args_os().collect::<Vec<_>>(), std::env::var_os("WEIR_CONFIG"))?;
    let mut all = Vec::new();
    for arg in command.get_arguments() {
        let Some(name) = arg.get_long().filter(|n| !matches!(*n, "help" | "version")) else {
            continue;
        };
        let id = arg.get_id().as_str();
        let values: Vec<String> = matches
            .get_raw(id)
            .into_iter()
            .flatten()
            .map(|v| v.to_string_lossy().into_owned())
            .collect();
        let values = if matches!(arg.get_action(), ArgAction::SetTrue) {
            vec![matches.get_flag(id).to_string()]
        } else {
            values
        };
        let source = match matches.value_source(id) {
            Some(ValueSource::CommandLine) => "flag",
            Some(ValueSource::EnvVariable) => "environment",
            Some(_) if in_file.contains_key(name) => "file",
            Some(_) => "default",
            None => "unset",
        };
        all.push((name.to_owned(), values, source));
    }
    Ok(all)
}

fn config_file(args: &[OsString]) -> Option<PathBuf> {
    let mut args = args.iter().skip(1).map(|a| a.to_string_lossy());
    while let Some(arg) = args.next() {
        match arg.split_once('=') {
            Some(("--config", file)) => return Some(file.into()),
            None if arg == "--config" => return args.next().map(|f| f.as_ref().into()),
            None if arg == "--" => return None,
            _ => {}
        }
    }
    None
}

fn table(file: &Path, shown: &str) -> Result<toml::Table, Exit> {
    let text = std::fs::read_to_string(file).map_err(|e| Exit::usage(format!("{shown}: {e}")))?;
    text.parse().map_err(|e: toml::de::Error| {
        Exit::usage(format!("{shown}: {}", e.to_string().replace('\n', " ")))
    })
}

/// Removes and reads the table `sources`, which is not a setting.
fn take_sources(table: &mut toml::Table, shown: &str) -> Result<SourcesConfig, Exit> {
    let wrong = |fault: String| Exit::usage(format!("{shown}: {fault}"));
    match table.remove("sources") {
        None => Ok(SourcesConfig::default()),
        Some(toml::Value::Table(sources)) => {
            SourcesConfig::of_table(sources).map_err(|error| wrong(error.to_string()))
        }
        Some(_) => Err(wrong(
            "sources must be a table with one table per source, for example [sources.github]"
                .to_owned(),
        )),
    }
}

fn with_defaults(
    mut command: clap::Command,
    table: toml::Table,
    shown: &str,
) -> Result<clap::Command, Exit> {
    for (name, value) in table {
        let known =
            command.get_arguments().find(|a| a.get_long() == Some(&name) && name != "config");
        let Some(id) = known.map(|a| a.get_id().clone()) else {
            return Err(Exit::usage(format!(
                "{shown}: unknown setting {name:?}; a setting has the name of its flag, see weir \
                    --help"
            )));
        };
        let wrong = || {
            Exit::usage(format!(
                "{shown}: {name} must be a text, a number, true or false, or a list of texts"
            ))
        };
        let text = |value: &toml::Value| match value {
            toml::Value::String(text) => Some(text.clone()),
            toml::Value::Integer(number) => Some(number.to_string()),
            toml::Value::Boolean(flag) => Some(flag.to_string()),
            _ => None,
        };
        let values: Vec<String> = match &value {
            toml::Value::Array(list) => {
                list.iter().map(text).collect::<Option<_>>().ok_or_else(wrong)?
            }
            one => vec![text(one).ok_or_else(wrong)?],
        };
        command = command.mut_arg(id, |arg| arg.default_values(values));
    }
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_file(text: &str, flags: &[&str]) -> Result<Settings, Exit> {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("weir.toml");
        std::fs::write(&file, text).unwrap();
        let mut args: Vec<OsString> = vec!["weir".into()];
        args.extend(flags.iter().map(Into::into));
        parse(&args, Some(file.into_os_string()))
    }

    #[test]
    fn the_file_goes_before_the_default_and_the_flag_before_the_file() {
        let text = "port = 4000\nno-sample = true\ntopics = \"+orders=events\"\nplugins = [\"daily_totals\"]";
        let settings = with_file(text, &[]).unwrap();
        assert_eq!((settings.port, settings.no_sample, settings.kafka_port), (4000, true, 9092));
        let data = settings.wanted().unwrap().alone().unwrap();
        assert_eq!(data.topics.topics.0.len(), weir_model::default_topics().0.len() + 1);
        assert_eq!(data.plugins.plugins, ["daily_totals"]);
        assert_eq!(with_file(text, &["--port", "5000"]).unwrap().port, 5000);
        assert_eq!(with_file(text, &["migrate", "--port", "5000"]).unwrap().port, 5000);
    }

    #[test]
    fn a_wrong_file_is_wrong_usage() {
        for text in
            ["prot = 1", "port = [", "port = { a = 1 }", "port = \"x\"", "config = \"other.toml\""]
        {
            assert!(with_file(text, &[]).is_err(), "{text}");
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }
}
