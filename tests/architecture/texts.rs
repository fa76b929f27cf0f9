//! The texts of each crate as golden files: errors, log lines, answers, descriptions of the API,
//! and output of commands. A changed text is a changed line of a snapshot, so a reviewer reads it.
//!
//! `INSTA_UPDATE=always cargo test -p weir-tests --test architecture texts` accepts the new texts.

use std::path::Path;

use anyhow::Result;
use regex_lite::Regex;

/// Matches a comment, a string, or a character or lifetime. Only strings have a group.
const TOKEN: &str = concat!(
    r"//[^\n]*",
    r##"|r#"((?s:.*?))"#|r"([^"]*)"|"((?s:\\.|[^"\\])*)""##,
    r"|'(?:\\u\{[0-9a-fA-F]+\}|\\.|[^'\\\n])'|'\w+",
);

/// The first words of strings that are SQL.
const SQL: [&str; 12] = [
    "--", "BEGIN", "COMMIT", "CREATE", "DO", "GRANT", "LOCK", "RELEASE", "RESET", "ROLLBACK",
    "SELECT", "SET",
];

/// Returns the strings of a source with at least two words, one per line.
fn texts(source: &str) -> Result<Vec<String>> {
    let token = Regex::new(TOKEN)?;
    let continuation = Regex::new(r"\\\n\s*")?;
    let placeholder = Regex::new(r"\{[^{}]*\}")?;
    let word = Regex::new("[A-Za-z]{2,}")?;
    let is_text = |text: &str| {
        let words = placeholder.replace_all(text, "");
        text.trim().contains(' ')
            && word.is_match(&words)
            && !text.split_whitespace().next().is_some_and(|first| SQL.contains(&first))
    };
    let found = token.captures_iter(source).filter_map(|found| {
        let text = found.get(1).or(found.get(2)).or(found.get(3))?.as_str();
        Some(continuation.replace_all(text, "").replace('\n', "\\n"))
    });
    Ok(found.filter(|text| is_text(text)).collect())
}

/// Returns the texts of a crate by file. A file name is relative to the folder of the crate.
fn of_crate(folder: &Path) -> Result<String> {
    let mut lines = Vec::new();
    for (path, source) in super::circles::sources(&folder.join("src"))? {
        let texts = texts(&source)?;
        if !texts.is_empty() {
            lines.push(format!("{}:", path.strip_prefix(folder)?.display()));
            lines.extend(texts.iter().map(|text| format!("    {text}")));
        }
    }
    Ok(lines.join("\n"))
}

#[test]
fn the_texts_of_each_crate_are_the_reviewed_ones() -> Result<()> {
    for (folder, name) in super::crates()? {
        if name == "shared/testkit" {
            continue;
        }
        let texts = of_crate(&folder)?;
        insta::with_settings!({prepend_module_to_snapshot => false, omit_expression => true}, {
            insta::assert_snapshot!(name.replace('/', "-"), texts);
        });
    }
    Ok(())
}

#[test]
fn strings_are_told_from_comments_characters_and_sql() -> Result<()> {
    let source = r##"
        let a = 'x'; let quote = '"'; fn f<'a>() {} // it's "no text"
        error("cannot read {file}: \
               {reason}");
        run("SELECT 1 AS one"); raw(r#"a "raw" text"#); let code = "NOT_FOUND"; shown("{a} {b}");
    "##;
    assert_eq!(texts(source)?, ["cannot read {file}: {reason}", r#"a "raw" text"#]);
    Ok(())
}
