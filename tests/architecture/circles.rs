//! The top-level modules of a crate have no dependency cycle, over the paths that begin with
//! `crate::`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Result, ensure};
use regex_lite::Regex;

/// Returns the sources below a folder, without comments and without test modules.
pub(crate) fn sources(src: &Path) -> Result<BTreeMap<PathBuf, String>> {
    let block = Regex::new(r"(?s)#\[cfg\(test\)\]\s*(?:#\[[^\n]*\s*)*mod \w+ \{.*\n\}")?;
    let file = Regex::new(r"#\[cfg\(test\)\]\s*(?:#\[[^\n]*\s*)*(?:pub(?:\(\w+\))? )?mod (\w+);")?;
    let (mut folders, mut all, mut of_tests) = (vec![src.to_owned()], BTreeMap::new(), Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let lines: Vec<String> =
                    fs::read_to_string(&path)?.lines().map(str::to_owned).collect();
                let text = lines
                    .into_iter()
                    .filter(|line| !line.trim_start().starts_with("//"))
                    .collect::<Vec<_>>()
                    .join("\n");
                let stem = path.with_extension("");
                let below = if ["lib", "main", "mod"].iter().any(|name| stem.ends_with(name)) {
                    &folder
                } else {
                    &stem
                };
                of_tests.extend(file.captures_iter(&text).map(|found| below.join(&found[1])));
                all.insert(path, block.replace_all(&text, "").into_owned());
            }
        }
    }
    all.retain(|path, _| !of_tests.iter().any(|gone| path.with_extension("").starts_with(gone)));
    Ok(all)
}

/// Returns the name at the start of a text.
fn name(text: &str) -> &str {
    let text = text.trim_start();
    &text[..text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len())]
}

/// Returns the first name after each `crate::`. For `crate::{…}` it returns the first name of each
/// part.
fn named(text: &str) -> Vec<&str> {
    let mut all = Vec::new();
    for (at, _) in text.match_indices("crate::") {
        let rest = &text[at + "crate::".len()..];
        let Some(list) = rest.strip_prefix('{') else {
            all.push(name(rest));
            continue;
        };
        let (mut depth, mut begin) = (0, 0);
        for (n, c) in list.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth > 0 => depth -= 1,
                '}' | ',' if depth == 0 => {
                    all.push(name(&list[begin..n]));
                    begin = n + 1;
                    if c == '}' {
                        break;
                    }
                }
                _ => {}
            }
        }
    }
    all
}

/// Returns for each top-level module the top-level modules that it names.
fn uses(src: &Path) -> Result<BTreeMap<String, BTreeSet<String>>> {
    let sources = sources(src)?;
    let top = |path: &Path| {
        let first = path.strip_prefix(src).ok()?.components().next()?.as_os_str().to_str()?;
        Some(first.trim_end_matches(".rs").to_owned())
            .filter(|name| name != "lib" && name != "main")
    };
    let modules: BTreeSet<String> = sources.keys().filter_map(|path| top(path)).collect();
    // A name that `lib.rs` imports counts as the module that it is imported from.
    let import = Regex::new(r"\buse (?:self::|crate::)?(\w+)::([^;]+);")?;
    let word = Regex::new(r"\w+")?;
    let mut home = BTreeMap::new();
    for import in
        sources.get(&src.join("lib.rs")).into_iter().flat_map(|text| import.captures_iter(text))
    {
        let names = word.find_iter(import.get(2).map_or("", |names| names.as_str()));
        home.extend(names.map(|name| (name.as_str().to_owned(), import[1].to_owned())));
    }
    let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (path, text) in &sources {
        let Some(module) = top(path) else { continue };
        let others = named(text)
            .into_iter()
            .filter_map(|name| modules.get(name).or_else(|| modules.get(home.get(name)?)));
        all.entry(module.clone())
            .or_default()
            .extend(others.filter(|other| **other != module).cloned());
    }
    Ok(all)
}

/// Removes each module that uses no other module, and each module that no other module uses. The
/// rest are cycles, and modules between cycles.
fn circles(mut uses: BTreeMap<String, BTreeSet<String>>) -> BTreeMap<String, BTreeSet<String>> {
    loop {
        let used: BTreeSet<String> = uses.values().flatten().cloned().collect();
        let before = uses.len();
        uses.retain(|module, others| !others.is_empty() && used.contains(module));
        let left: BTreeSet<String> = uses.keys().cloned().collect();
        for others in uses.values_mut() {
            others.retain(|other| left.contains(other));
        }
        if uses.len() == before {
            return uses;
        }
    }
}

#[test]
fn no_circle_between_the_modules_of_a_crate() -> Result<()> {
    let mut wrong = Vec::new();
    for (folder, crate_name) in crate::crates()? {
        let left = circles(uses(&folder.join("src"))?);
        wrong.extend(
            left.iter().map(|(module, others)| format!("{crate_name}: {module} -> {others:?}")),
        );
    }
    ensure!(wrong.is_empty(), "modules that use each other:\n{}", wrong.join("\n"));
    Ok(())
}

#[test]
fn a_circle_is_found() {
    let all = |text: &str| named(text).into_iter().map(str::to_owned).collect::<BTreeSet<_>>();
    assert_eq!(
        all("use crate::{a::{B, C}, d,\n e::F}; crate::g::h()"),
        ["a", "d", "e", "g"].map(str::to_owned).into()
    );
    let uses = [
        ("a", all("crate::b")),
        ("b", all("crate::c")),
        ("c", all("crate::b crate::d")),
        ("d", BTreeSet::new()),
    ];
    let left = circles(uses.map(|(module, others)| (module.to_owned(), others)).into());
    assert_eq!(left.keys().collect::<Vec<_>>(), ["b", "c"]);
}
