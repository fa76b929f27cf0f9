//! The dependencies between crates.

use std::{collections::BTreeSet, fs};

use anyhow::{Result, ensure};

/// The crates that each crate depends on, without those of its tests. `local` is the crate `weir`.
/// The test fails for a dependency that is missing here, and for a line without a matching
/// manifest.
const EDGES: &[(&str, &[&str])] = &[
    (
        "functions/api",
        &["archive", "blob", "function", "http", "model", "plugin", "settings", "store"],
    ),
    (
        "functions/collect",
        &["aws", "blob", "function", "http", "kafka", "model", "plugin", "settings"],
    ),
    ("functions/dump", &["blob", "function", "model", "settings", "store"]),
    ("functions/ingest", &["function", "model", "plugin", "settings", "store"]),
    (
        "functions/local",
        &[
            "api", "archive", "aws", "blob", "collect", "dump", "function", "http", "ingest",
            "kafka", "migrate", "model", "plugin", "postgres", "settings", "store",
        ],
    ),
    ("functions/migrate", &["function", "kafka", "model", "plugin", "settings", "store"]),
    ("shared/archive", &["blob", "store"]),
    ("shared/aws", &[]),
    ("shared/blob", &[]),
    ("shared/function", &[]),
    ("shared/http", &["aws", "function", "store"]),
    ("shared/kafka", &["aws"]),
    ("shared/model", &[]),
    ("shared/plugin", &["model", "store"]),
    ("shared/postgres", &[]),
    ("shared/settings", &["model", "plugin", "store"]),
    ("shared/store", &["aws", "model"]),
    ("shared/testkit", &["postgres"]),
];

/// Returns Weir's crates in the sections of a manifest whose heading is `wanted`.
fn depends_on(manifest: &str, wanted: fn(&str) -> bool) -> BTreeSet<String> {
    let mut heading = "";
    let mut all = BTreeSet::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            heading = line;
        } else if wanted(heading)
            && let Some(rest) =
                line.split(['.', ' ', '=']).next().and_then(|name| name.strip_prefix("weir"))
        {
            all.insert(rest.strip_prefix('-').unwrap_or("local").to_owned());
        }
    }
    all
}

#[test]
fn each_edge_between_crates_is_allowed() -> Result<()> {
    let mut wrong = Vec::new();
    let crates = crate::crates()?;
    for (folder, name) in &crates {
        let manifest = fs::read_to_string(folder.join("Cargo.toml"))?;
        let found = depends_on(&manifest, |heading| {
            heading == "[dependencies]" || heading.ends_with(".dependencies]")
        });
        let allowed = EDGES
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, allowed)| allowed.iter().map(|to| (*to).to_owned()).collect());
        let Some(allowed): Option<BTreeSet<String>> = allowed else {
            wrong.push(format!("{name} is not in EDGES"));
            continue;
        };
        wrong.extend(found.difference(&allowed).map(|to| format!("{name} -> {to} is not allowed")));
        wrong.extend(
            allowed
                .difference(&found)
                .map(|to| format!("{name} -> {to} is in EDGES, and not in its manifest")),
        );
    }
    wrong.extend(
        EDGES
            .iter()
            .filter(|(known, _)| !crates.iter().any(|(_, name)| name == known))
            .map(|(gone, _)| format!("{gone} is gone")),
    );
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

/// Dev-dependencies are checked too.
#[test]
fn no_crate_depends_on_a_function_but_the_program() -> Result<()> {
    let crates = crate::crates()?;
    let functions: BTreeSet<&str> =
        crates.iter().filter_map(|(_, name)| name.strip_prefix("functions/")).collect();
    for (folder, name) in crates.iter().filter(|(_, name)| name != "functions/local") {
        let all = depends_on(&fs::read_to_string(folder.join("Cargo.toml"))?, |heading| {
            heading.ends_with("dependencies]")
        });
        let wrong: Vec<&String> = all.iter().filter(|to| functions.contains(to.as_str())).collect();
        ensure!(wrong.is_empty(), "{name} depends on a function: {wrong:?}");
    }
    Ok(())
}

/// The crates that a release optimises for size, because no record and no request spends its time
/// in them.
const SMALL: &[&str] = &[
    "shared/aws",
    "shared/blob",
    "functions/migrate",
    "shared/postgres",
    "shared/settings",
    "shared/testkit",
];

#[test]
fn every_crate_is_built_fast_or_small_on_purpose() -> Result<()> {
    let workspace = fs::read_to_string(crate::root().join("Cargo.toml"))?;
    for (_, name) in crate::crates()? {
        let (_, crate_name) = name.split_once('/').unwrap_or_default();
        let line = if crate_name == "local" {
            "weir.opt-level = 3".to_owned()
        } else {
            format!("weir-{crate_name}.opt-level = 3")
        };
        let is_fast = workspace.lines().any(|given| given == line);
        ensure!(
            is_fast != SMALL.contains(&name.as_str()),
            "{name} is in [profile.release.package] of Cargo.toml, or in SMALL here: one of them"
        );
    }
    Ok(())
}

#[test]
fn every_crate_says_in_its_readme_what_may_not_be_broken() -> Result<()> {
    for (folder, name) in crate::crates()? {
        let (lib, readme) = (
            fs::read_to_string(folder.join("src/lib.rs"))?,
            fs::read_to_string(folder.join("README.md"))?,
        );
        ensure!(
            lib.starts_with("#![doc = include_str!(\"../README.md\")]"),
            "{name}: its README is not its documentation"
        );
        ensure!(readme.contains("Invariant: "), "{name}: its README has no line with Invariant:");
    }
    Ok(())
}
