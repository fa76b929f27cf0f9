//! Each link of the documentation leads to a file, and to a heading of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use regex_lite::Regex;

use crate::root;

/// Returns every Markdown file of the repository, without the folders that builds write.
fn pages() -> Result<Vec<PathBuf>> {
    let (mut folders, mut all) = (vec![root().canonicalize()?], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() && !name.starts_with('.') && name != "target" && name != "node_modules"
            {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "md") {
                all.push(path);
            }
        }
    }
    all.sort();
    Ok(all)
}

/// Returns the lines of a page without code blocks, each with its number. Code in a line stays.
fn prose(text: &str) -> Vec<(usize, &str)> {
    let mut fence = None;
    let mut all = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let begin = line.trim_start();
        match fence {
            Some(end) if begin.starts_with(end) => fence = None,
            Some(_) => {}
            None if begin.starts_with("```") => fence = Some("```"),
            None if begin.starts_with("~~~") => fence = Some("~~~"),
            None => all.push((number, line)),
        }
    }
    all
}

/// Returns the anchors of the headings of a page, as GitHub makes them.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let headings = prose(text).into_iter().filter(|(_, line)| line.starts_with('#'));
    let anchor = |(_, line): (usize, &str)| {
        let title = line.trim_start_matches('#').trim();
        // A link in a heading counts with its text only.
        let title =
            title.replace("](", "\u{0}").split('\u{0}').next().unwrap_or_default().to_owned();
        let title = title.to_lowercase();
        let kept = title.chars().filter_map(|c| match c {
            ' ' => Some('-'),
            '-' | '_' => Some(c),
            c => c.is_alphanumeric().then_some(c),
        });
        let name: String = kept.collect();
        let count = seen.entry(name.clone()).or_default();
        *count += 1;
        if *count == 1 { name } else { format!("{name}-{}", *count - 1) }
    };
    headings.map(anchor).collect()
}

/// A link: the line, and its target.
type Link = (usize, String);

/// Returns the links of a page: `[text](target)`, `![text](target)`, `[text]: target` and
/// `<https://…>`.
fn links(text: &str) -> Result<Vec<Link>> {
    let code = Regex::new("`[^`]*`")?;
    let inline = Regex::new(r"\]\(\s*<?([^)\s>]*)>?[^)]*\)")?;
    let defined = Regex::new(r"^\s*\[[^\]]+\]:\s+<?([^\s>]+)")?;
    let auto = Regex::new(r"<(https?:[^>]*)>")?;
    let mut all = Vec::new();
    for (number, line) in prose(text) {
        // Code is not a link, but the text of a link may be code.
        let line = code.replace_all(line, "code");
        for found in [&inline, &defined, &auto] {
            all.extend(found.captures_iter(&line).map(|link| (number, link[1].to_owned())));
        }
    }
    Ok(all)
}

/// Returns the fault of a link, if it has one.
fn fault(page: &Path, text: &str, target: &str, web: &Regex) -> Result<Option<String>> {
    if target.contains("://") || target.starts_with("mailto:") {
        return Ok((!web.is_match(target)).then(|| "is not a valid URL".to_owned()));
    }
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    // Documentation of a crate links to its items.
    if file.contains("::") || (file.is_empty() && anchor.is_empty()) {
        return Ok(Some("has no target".to_owned()));
    }
    let path = page.parent().context("a folder")?.join(file);
    if !file.is_empty() && !path.exists() {
        return Ok(Some("does not exist".to_owned()));
    }
    if anchor.is_empty() {
        return Ok(None);
    }
    let text = if file.is_empty() { text.to_owned() } else { fs::read_to_string(&path)? };
    Ok((!anchors(&text).contains(anchor)).then(|| format!("has no heading #{anchor}")))
}

#[test]
fn every_link_leads_somewhere() -> Result<()> {
    let web = Regex::new(r"^(https?://[A-Za-z0-9.-]+(:\d+)?(/\S*)?|mailto:\S+@\S+)$")?;
    let (mut dead, mut count) = (Vec::new(), 0);
    for page in pages()? {
        let text = fs::read_to_string(&page)?;
        for (line, target) in links(&text)? {
            count += 1;
            if let Some(fault) = fault(&page, &text, &target, &web)? {
                dead.push(format!("{}:{line}: {target} {fault}", page.display()));
            }
        }
    }
    ensure!(count > 100, "only {count} links were found");
    ensure!(dead.is_empty(), "{} dead links:\n{}", dead.len(), dead.join("\n"));
    Ok(())
}

#[test]
fn every_page_is_in_the_index() -> Result<()> {
    let docs = root().join("docs").canonicalize()?;
    let index = fs::read_to_string(docs.join("README.md"))?;
    let decisions = fs::read_to_string(docs.join("decisions/README.md"))?;
    for (folder, index) in [("", index), ("decisions", decisions)] {
        let linked: BTreeSet<_> = links(&index)?.into_iter().map(|(_, target)| target).collect();
        for entry in fs::read_dir(docs.join(folder))? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            let is_page =
                Path::new(&name).extension().is_some_and(|end| end == "md") && name != "README.md";
            ensure!(!is_page || linked.contains(&name), "docs/{folder} has {name} without a link");
        }
    }
    Ok(())
}

#[test]
fn a_dead_link_is_found() -> Result<()> {
    let text = "# A `b` c\n[x](#a-b-c) [y](#gone)\n```\n[z](gone.md)\n```\n`[v](gone.md)`\n[w]: https://x y\n<https://a b>";
    assert_eq!(anchors("# A `b`, c\n## A b c"), ["a-b-c", "a-b-c-1"].map(str::to_owned).into());
    let found: Vec<String> = links(text)?.into_iter().map(|(_, target)| target).collect();
    assert_eq!(found, ["#a-b-c", "#gone", "https://x", "https://a b"]);
    let web = Regex::new("^https://x$")?;
    let page = root().join("docs/README.md");
    let faults: Vec<bool> = found
        .iter()
        .map(|one| Ok(fault(&page, text, one, &web)?.is_some()))
        .collect::<Result<_>>()?;
    assert_eq!(faults, [false, true, false, true]);
    Ok(())
}
