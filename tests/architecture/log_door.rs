//! Only the module `log` of the store, and the migrations, name the log's tables.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Result, ensure};
use regex_lite::Regex;

use crate::circles::sources;

/// A statement that names the table of the log, or a table of its months.
const NAMES_THE_LOG: &str = r"\b(?:FROM|INTO|JOIN|UPDATE|ONLY|TABLE|COPY)\s+(?:public\.)?(?:events(?:_\d{4}_\d\d)?|event_records|event_types|packed_events|event_values|event_places|packing)\b";

/// The module, and code of plugins, which may read the relation `public.events`.
const MAY: [&str; 2] = ["shared/store/src/log/", "shared/plugin/src/"];

/// Returns the SQL files of a folder with their texts.
fn sql_files(folder: &Path) -> Result<Vec<(PathBuf, String)>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            all.extend(sql_files(&path)?);
        } else if path.extension().is_some_and(|kind| kind == "sql") {
            let text = fs::read_to_string(&path)?;
            all.push((path, text));
        }
    }
    Ok(all)
}

#[test]
fn only_the_stores_log_names_the_tables_of_the_log() -> Result<()> {
    let names = Regex::new(NAMES_THE_LOG)?;
    let root = crate::root();
    let (mut outside, mut inside) = (Vec::new(), 0);
    for (folder, _) in crate::crates()? {
        let src = folder.join("src");
        // Without the tests, which look at stored rows.
        for (path, text) in sources(&src)?.into_iter().chain(sql_files(&src)?) {
            let file = path.strip_prefix(&root).unwrap_or(&path).to_string_lossy().into_owned();
            for found in names.find_iter(&text) {
                if MAY.iter().any(|may| file.starts_with(may)) {
                    inside += 1;
                } else {
                    outside.push(format!("{file}: {}", found.as_str()));
                }
            }
        }
    }
    ensure!(outside.is_empty(), "use weir_store::log, or the schema api:\n{}", outside.join("\n"));
    ensure!(inside > 15, "only {inside} statements were found: is the pattern right?");
    Ok(())
}
