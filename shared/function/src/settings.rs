//! The settings of a function. They are environment variables, which a template sets, or the flags
//! of the same settings.

use std::{error::Error as _, fmt::Display, process::ExitCode};

use clap::{
    Args, Command, Error, Parser,
    error::{ContextKind, ContextValue},
};

/// Reads the function's own settings and the settings that all functions have.
///
/// The error is one line that names the setting. `--help` and `--version` print their text and end
/// the program.
pub(crate) fn read<S: Parser, T: Args>() -> Result<(S, T), String> {
    let mut command = T::augment_args(S::command());
    let read = command
        .try_get_matches_from_mut(std::env::args_os())
        .and_then(|said| Ok((S::from_arg_matches(&said)?, T::from_arg_matches(&said)?)));
    read.map_err(|error| if error.use_stderr() { line(command, &error) } else { error.exit() })
}

/// Prints the reason why a function does not start on stderr, in one line. Returns exit code 2:
/// another start of the function by Lambda does not fix a wrong setting.
pub fn refuse(function: &str, why: impl Display) -> ExitCode {
    eprintln!("{function}: {}", one_line(&why.to_string()));
    ExitCode::from(2)
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Returns the first paragraph of clap's error, after the name of the variable.
///
/// When `--help` hides a value, the value may be a secret. Then only the reason is returned.
fn line(mut command: Command, error: &Error) -> String {
    command.build();
    let text = error.to_string();
    let said =
        one_line(text.split("\n\n").next().unwrap_or_default().trim_start_matches("error: "));
    let named = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(named)) => named.as_str(),
        _ => return said,
    };
    let Some(arg) = command.get_arguments().find(|arg| arg.to_string() == named) else {
        return said;
    };
    let name = arg.get_env().map_or_else(|| named.into(), |name| name.to_string_lossy());
    match error.source() {
        _ if !arg.is_hide_env_values_set() => format!("{name}: {said}"),
        Some(reason) => format!("{name}: {}", one_line(&reason.to_string())),
        None => format!("{name}: cannot parse the value"),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[derive(Debug, Parser)]
    struct Settings {
        /// How often
        #[arg(long, env = "WEIR_TEST_TIMES", value_parser = clap::value_parser!(u8).range(1..))]
        _times: u8,
        /// A secret
        #[arg(long, env = "WEIR_TEST_HIDDEN", hide_env_values = true, default_value = "1")]
        _hidden: u8,
    }

    fn said(arguments: &[&str]) -> String {
        let error =
            Settings::try_parse_from([&["program"], arguments].concat()).expect_err("wrong");
        line(Settings::command(), &error)
    }

    #[test]
    fn a_wrong_setting_is_named_as_the_template_names_it() {
        assert_eq!(
            said(&["--times", "0"]),
            "WEIR_TEST_TIMES: invalid value '0' for '--times <TIMES>': 0 is not in 1..=255"
        );
        assert_eq!(
            said(&[]),
            "the following required arguments were not provided: --times <TIMES>"
        );
        assert_eq!(
            said(&["--times", "1", "--hidden", "hunter2"]),
            "WEIR_TEST_HIDDEN: invalid digit found in string"
        );
    }
}
