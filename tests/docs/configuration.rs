//! `docs/configuration.md`: the settings of the program and of the functions, from their command
//! lines, with the parameters of the template that set them.

mod template;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use anyhow::Result;
use clap::{Arg, Args, Command, CommandFactory};
use weir_function::TracesConfig;

use crate::markdown::{code, default, meaning, table};
use template::Parameters;

/// A program that reads settings.
struct Program {
    name: &'static str,
    command: Command,
}

impl Program {
    fn function<S: CommandFactory>(name: &'static str) -> Self {
        // Each function also has the settings of the runtime.
        Self { name, command: TracesConfig::augment_args(S::command()) }
    }

    fn reads(&self, variable: &str) -> bool {
        arguments(&self.command).iter().any(|arg| variable_of(arg) == variable)
    }
}

/// Returns the settings of a program, which are its arguments with a variable: first those of every
/// command, then those of single commands.
fn arguments(command: &Command) -> Vec<&Arg> {
    let own = command.get_arguments();
    let below = command.get_subcommands().flat_map(of_one_command);
    own.chain(below).filter(|arg| arg.get_env().is_some() && !arg.is_hide_set()).collect()
}

/// Returns the arguments of a subcommand that are not those of every command.
fn of_one_command(command: &Command) -> Vec<&Arg> {
    let own = command.get_arguments().filter(|arg| !arg.is_global_set());
    own.chain(command.get_subcommands().flat_map(of_one_command)).collect()
}

fn variable_of(arg: &Arg) -> String {
    arg.get_env().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn functions() -> [Program; 6] {
    [
        Program::function::<weir_ingest::FunctionSettings>("ingest"),
        Program::function::<weir_api::FunctionSettings>("api"),
        Program::function::<weir_dump::FunctionSettings>("dump"),
        Program::function::<weir_collect::FunctionSettings>("collect"),
        Program::function::<weir_migrate::MigrateConfig>("migrate"),
        Program::function::<weir::AdminSettings>("admin"),
    ]
}

/// Makes the rows of the tables.
struct Pages {
    functions: [Program; 6],
    parameters: Parameters,
}

impl Pages {
    fn readers(&self, variable: &str) -> String {
        let readers = self.functions.iter().filter(|function| function.reads(variable));
        readers.map(|function| function.name).collect::<Vec<_>>().join(", ")
    }

    /// Returns the row of a setting. `in_file` tells whether the file of `--config` may have it.
    fn row(&self, arg: &Arg, in_file: bool) -> [String; 7] {
        let (long, variable) = (arg.get_long().unwrap_or_default(), variable_of(arg));
        let in_file = in_file && long != "config";
        [
            code(&format!("--{long}")),
            code(&variable),
            if in_file { code(long) } else { String::new() },
            default(arg),
            meaning(arg),
            self.readers(&variable),
            self.parameters.of(&variable),
        ]
    }

    fn table(&self, args: &[&Arg], in_file: bool) -> String {
        let heads = ["flag", "variable", "TOML", "default", "meaning", "functions", "template"];
        table(heads, &args.iter().map(|arg| self.row(arg, in_file)).collect::<Vec<_>>())
    }
}

pub(crate) fn page() -> Result<String> {
    let pages = Pages { functions: functions(), parameters: Parameters::read()? };
    let weir = weir::command();
    let (of_all, of_one): (Vec<&Arg>, Vec<&Arg>) =
        arguments(&weir).into_iter().partition(|arg| arg.is_global_set());
    let mut page = "# Configuration

This page lists all settings, for the program `weir` and for the Lambda functions.

## How a setting gets its value

- `weir` takes a setting from its flag. Without the flag it takes the environment variable, then the
  TOML file that `--config` names, then the default.
- In the TOML file a setting has the name of its flag without `--`, as in `port = 4000` and
  `no-sample = true`. A setting that takes several values can be a list.
- The Lambda functions read the environment variables. The template sets them. The commands of the
  function `admin` read all settings of `weir`.
- `weir config` prints the value of each setting and its origin. It masks secrets.
- Settings that describe the data (`--topics`, `--group-id`, `--event-fields`, `--dedupe`, `--avro`,
  `--plugins`, `--keep`) are stored in the database. See
  [settings of the data](operations.md#settings-of-the-data).
- The TOML file can have the tables `[topics.NAME]`, `[retention]` and `[retention.NAME]` (see the
  same section), and `[sources.NAME]` (see [sources.md](sources.md#webhooks)).

In the tables, \"functions\" lists the functions that also read the setting. \"template\" lists the
parameters of `template.yaml` that set the variable, or the value that the template gives it.
Credentials and regions of AWS come from AWS's own variables, such as `AWS_REGION`.

## Settings of `weir`
"
    .to_owned();
    let mut headings: Vec<Option<&str>> = Vec::new();
    for arg in &of_all {
        if !headings.contains(&arg.get_help_heading()) {
            headings.push(arg.get_help_heading());
        }
    }
    for heading in headings {
        let args: Vec<_> =
            of_all.iter().copied().filter(|arg| arg.get_help_heading() == heading).collect();
        page += &heading.map(|name| format!("\n### {name}\n")).unwrap_or_default();
        let _ = write!(page, "\n{}", pages.table(&args, true));
    }
    page += "
## Settings of single commands

These flags belong to `weir send` and `weir collect`; see [cli.md](cli.md). The TOML file cannot
have them.

";
    page += &pages.table(&of_one, false);
    page += "
## Settings of the functions only

";
    let mut seen: BTreeSet<String> = arguments(&weir).into_iter().map(variable_of).collect();
    let mut only = Vec::new();
    for function in &pages.functions {
        only.extend(
            arguments(&function.command).into_iter().filter(|a| seen.insert(variable_of(a))),
        );
    }
    let only: Vec<_> = only
        .iter()
        .map(|arg| {
            let [_, variable, _, default, meaning, functions, template] = pages.row(arg, false);
            [variable, default, meaning, functions, template]
        })
        .collect();
    page += &table(["variable", "default", "meaning", "functions", "template"], &only);
    page += "
## Other variables of the template

";
    let others = pages.parameters.others(&seen)?;
    page += &table(["variable", "meaning", "template"], &others);
    Ok(page)
}
