//! The log lines that `docs/operations.md` quotes are in the source.

use std::{fs, path::PathBuf};

use anyhow::{Context, Result, ensure};
use regex_lite::Regex;

use crate::root;

/// Returns the Rust sources and SQL files of the crates, as one text without the line breaks inside
/// literals.
fn sources() -> Result<String> {
    let mut folders: Vec<PathBuf> =
        ["functions", "shared"].iter().map(|folder| root().join(folder)).collect();
    let mut all = String::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let is_source = path.extension().is_some_and(|end| end == "rs" || end == "sql");
            if path.is_dir() && path.file_name().is_some_and(|name| name != "tests") {
                folders.push(path);
            } else if is_source {
                all += &fs::read_to_string(&path)?;
            }
        }
    }
    Ok(Regex::new(r"\\\n\s*")?.replace_all(&all, "").into_owned())
}

#[test]
fn every_log_line_of_the_runbook_is_in_the_source() -> Result<()> {
    let page = fs::read_to_string(root().join("docs/operations.md"))?;
    let table = page.split("\n## Log lines\n").nth(1).context("a chapter about log lines")?;
    let table = table.split("\n## ").next().unwrap_or_default();
    let (sources, mut missing, mut count) = (sources()?, Vec::new(), 0);
    for row in table.lines().filter(|line| line.starts_with("| `")) {
        let quoted = row.split('`').nth(1).context("a quoted line")?;
        count += 1;
        // The log has a value in place of each ellipsis. A SQLSTATE is the server's.
        let parts = quoted.split('…').map(|part| part.trim_matches([' ', ':']));
        let parts = parts.filter(|part| !part.is_empty() && !part.starts_with("SQLSTATE"));
        missing.extend(parts.filter(|part| !sources.contains(part)).map(ToOwned::to_owned));
    }
    ensure!(count >= 10, "only {count} log lines were found");
    ensure!(missing.is_empty(), "not in the source: {missing:#?}");
    Ok(())
}
