//! Compares the pages that are made from the code with the files in `docs/`.

use anyhow::{Context, Result, ensure};

use crate::{cli, codes, configuration, costs, root};

/// The variable with which the test writes the pages.
const UPDATE: &str = "WEIR_UPDATE_DOCS";

const COMMAND: &str = "WEIR_UPDATE_DOCS=1 cargo test --workspace --test docs generated";

/// Compares a page with its file. With the variable the file is written first.
#[expect(clippy::disallowed_methods, reason = "the environment of the test")]
fn check(name: &str, text: &str) -> Result<()> {
    let path = root().join("docs").join(name);
    let title = text.lines().next().context("a title")?;
    let rest = text[title.len()..].trim_start();
    let text = format!(
        "{title}\n\n<!-- This page is made from the code. To write it: {COMMAND} -->\n\n{rest}"
    );
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(&path, &text)?;
    }
    let stored = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = stored.lines().zip(text.lines()).position(|(stored, made)| stored != made);
    let line = differs.unwrap_or_else(|| stored.lines().count().min(text.lines().count())) + 1;
    ensure!(
        stored == text,
        "docs/{name} differs from the code in line {line}. To write it:\n{COMMAND}"
    );
    Ok(())
}

/// Compares a part of a page, between two comments, with `text`. With the variable the part is
/// written first.
#[expect(clippy::disallowed_methods, reason = "the environment of the test")]
fn check_part(name: &str, part: &str, text: &str) -> Result<()> {
    let path = root().join("docs").join(name);
    let page = std::fs::read_to_string(&path)?;
    let begin = format!("<!-- {part}: made by {COMMAND} -->\n");
    let end = format!("<!-- end of {part} -->\n");
    let (before, rest) = page.split_once(&begin).with_context(|| format!("{begin:?} in {name}"))?;
    let (_, after) = rest.split_once(&end).with_context(|| format!("{end:?} in {name}"))?;
    let made = [before, &begin, "\n", text, "\n", &end, after].concat();
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(&path, &made)?;
    } else {
        ensure!(
            page == made,
            "{part} of docs/{name} differs from the code. To write it:\n{COMMAND}"
        );
    }
    Ok(())
}

#[test]
fn deploy_aws_md_has_the_costs() -> Result<()> {
    check_part("deploy-aws.md", "costs", &costs::tables())
}

#[test]
fn configuration_md_lists_the_settings() -> Result<()> {
    check("configuration.md", &configuration::page()?)
}

#[test]
fn cli_md_lists_the_commands() -> Result<()> {
    check("cli.md", &cli::page())
}

#[test]
fn codes_md_lists_the_codes() -> Result<()> {
    check("codes.md", &codes::page()?)
}
