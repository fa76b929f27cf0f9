//! Markdown for the generated pages.

use clap::{Arg, ArgAction};

/// Returns a text for one cell of a table.
pub(crate) fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

/// Returns a text as code for one cell of a table; nothing for an empty text.
pub(crate) fn code(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("`{}`", cell(text)) }
}

/// Returns a table.
pub(crate) fn table<const N: usize>(heads: [&str; N], rows: &[[String; N]]) -> String {
    let line = |cells: &[String; N]| format!("| {} |\n", cells.join(" | ").trim_end());
    let heads = line(&heads.map(ToOwned::to_owned));
    let dashes = line(&[(); N].map(|()| "---".to_owned()));
    [heads, dashes].into_iter().chain(rows.iter().map(line)).collect()
}

/// Returns a help text as sentences. The first paragraph of a help text has no period.
pub(crate) fn sentences(help: &str) -> String {
    let paragraphs = help.split("\n\n").map(cell).filter(|text| !text.is_empty());
    let ended = |text: String| if text.ends_with(['.', ':']) { text } else { format!("{text}.") };
    paragraphs.map(ended).collect::<Vec<_>>().join(" ")
}

/// Returns the help of an argument, with its allowed values.
pub(crate) fn meaning(arg: &Arg) -> String {
    let help = arg.get_long_help().or_else(|| arg.get_help());
    let text = sentences(&help.map(ToString::to_string).unwrap_or_default());
    let allowed: Vec<String> = values(arg).iter().map(|value| code(value)).collect();
    if allowed.is_empty() { text } else { format!("{text} One of {}.", allowed.join(", ")) }
}

/// Returns the allowed values, if the argument takes only certain ones.
fn values(arg: &Arg) -> Vec<String> {
    if arg.get_action().takes_values() {
        let all = arg.get_possible_values();
        all.iter().filter(|value| !value.is_hide_set()).map(|v| v.get_name().to_owned()).collect()
    } else {
        Vec::new()
    }
}

/// Returns the default of an argument, as text for a cell.
pub(crate) fn default(arg: &Arg) -> String {
    if matches!(arg.get_action(), ArgAction::SetTrue) {
        return "off".to_owned();
    }
    let values: Vec<_> = arg.get_default_values().iter().map(|v| v.to_string_lossy()).collect();
    code(&values.join(","))
}
