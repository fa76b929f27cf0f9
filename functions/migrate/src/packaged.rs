//! The settings of the data in files that are deployed with the stack.

use std::{collections::BTreeSet, fs, io, path::Path};

use anyhow::{Context, Result, bail, ensure};
use weir_settings::{DataTables, Given};

/// Reads the TOML files of a folder. A folder that does not exist contains no file.
pub(crate) fn read(folder: &Path) -> Result<DataTables> {
    let mut tables = DataTables::default();
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(tables),
        Err(error) => return Err(error).with_context(|| folder.display().to_string()),
    };
    let mut files = Vec::new();
    for entry in entries {
        let file = entry.with_context(|| folder.display().to_string())?.path();
        if file.extension().is_some_and(|kind| kind == "toml") {
            files.push(file);
        }
    }
    files.sort();
    for file in files {
        let shown = file.display().to_string();
        let text = fs::read_to_string(&file).with_context(|| shown.clone())?;
        let mut table: toml::Table = text
            .parse()
            .map_err(|e: toml::de::Error| anyhow::anyhow!("{shown}: {}", e.message()))?;
        tables.take(&mut table, &file)?;
        if let Some(name) = table.keys().next() {
            bail!(
                "{shown}: {name:?} is not a setting of the data: give [topics.NAME], [retention] or [retention.NAME]"
            );
        }
    }
    Ok(tables)
}

/// Checks that the files contain only what no parameter sets.
///
/// The function `collect` reads the parameters, because it works without the database. So a model
/// or a field that only a file names would be unknown to it.
pub(crate) fn check(tables: &DataTables, topics: &[String], keep: &str) -> Result<()> {
    let listed: BTreeSet<&String> = topics.iter().collect();
    let files = tables.files.join(", ");
    for (name, topic) in &tables.topics {
        ensure!(
            listed.contains(name),
            "[topics.{name}] of {files} names a topic that is not in Topics: add it there"
        );
        let Some(topic) = topic else {
            bail!("[topics.{name}] of {files} has remove: remove the topic from Topics instead");
        };
        for (is_given, setting, parameter) in [
            (topic.model.is_some(), "model", "TopicModels"),
            (topic.event_fields.is_some(), "event-fields", "EventFields"),
            (topic.group.is_some(), "group", "the name of the stack"),
        ] {
            ensure!(
                !is_given,
                "[topics.{name}] of {files} has {setting}, which {parameter} sets: give it there"
            );
        }
    }
    ensure!(
        tables.keep.is_none() || keep.is_empty(),
        "Keep and [retention] of {files} both set the retention of the log: give one of them"
    );
    Ok(())
}

/// Adds what the parameters set to the tables of topics, because a table replaces all of a topic.
pub(crate) fn complete(tables: &mut DataTables, given: &Given) {
    for (name, topic) in &mut tables.topics {
        let Some(topic) = topic else { continue };
        topic.model = given.topics.as_ref().and_then(|all| all.get(name).cloned());
        topic.event_fields = given.event_fields.as_ref().and_then(|all| all.get(name).cloned());
        topic.dedupe |= given.dedupe.as_ref().is_some_and(|all| all.contains(name));
    }
}
