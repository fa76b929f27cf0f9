//! The settings of the data as tables of a TOML file: `[topics.NAME]`, `[retention]` and
//! `[retention.NAME]`.

use std::{collections::BTreeMap, path::Path};

use serde::Deserialize;
use weir_model::EventFields;
use weir_plugin::avro::TopicSchema;
use weir_store::StoreError;

use crate::{flags::parse_days, stored::TopicSetting};

/// The settings in the tables.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DataTables {
    /// The settings of topics; `None` removes the topic.
    pub topics: BTreeMap<String, Option<TopicSetting>>,
    /// Days that the log is kept; the inner `None` keeps it forever.
    pub keep: Option<Option<u32>>,
    /// Days that each series is kept, by its model; `None` keeps it forever.
    pub keep_series: BTreeMap<String, Option<u32>>,
    /// The names of the files, for messages.
    pub files: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct TopicTable {
    model: Option<String>,
    group: Option<String>,
    event_fields: Option<EventFields>,
    #[serde(default)]
    dedupe: bool,
    avro: Option<String>,
    #[serde(default)]
    remove: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct SeriesTable {
    keep: String,
}

impl DataTables {
    /// Removes the tables from a file's table and reads them. Paths of Avro schemas are relative to
    /// the file's folder. The error is one line that names the file.
    pub fn take(&mut self, table: &mut toml::Table, file: &Path) -> Result<(), StoreError> {
        let shown = file.display().to_string();
        let wrong = |fault: String| {
            StoreError::Setting(format!("{shown}: {}", fault.trim().replace('\n', " ")))
        };
        if table.get("topics").is_some_and(toml::Value::is_table)
            && let Some(toml::Value::Table(topics)) = table.remove("topics")
        {
            for (name, value) in topics {
                let read: TopicTable =
                    value.try_into().map_err(|e| wrong(format!("[topics.{name}]: {e}")))?;
                let setting = read
                    .setting(&name, file)
                    .map_err(|e| wrong(format!("[topics.{name}]: {e}")))?;
                if self.topics.insert(name.clone(), setting).is_some() {
                    return Err(wrong(format!("[topics.{name}] is in two files: keep it in one")));
                }
            }
        }
        if let Some(value) = table.remove("retention") {
            let all: BTreeMap<String, toml::Value> =
                value.try_into().map_err(|e| wrong(format!("[retention]: {e}")))?;
            for (name, value) in all {
                let (shown, is_new) = match value {
                    toml::Value::String(keep) if name == "keep" => {
                        let keep = days(&keep).map_err(|e| wrong(format!("[retention]: {e}")))?;
                        ("[retention]".to_owned(), self.keep.replace(keep).is_none())
                    }
                    value if name == "keep" => {
                        let kind = value.type_str();
                        return Err(wrong(format!("[retention]: keep: {kind} is not a text")));
                    }
                    value => {
                        let shown = format!("[retention.{name}]");
                        let SeriesTable { keep } =
                            value.try_into().map_err(|e| wrong(format!("{shown}: {e}")))?;
                        let keep = days(&keep).map_err(|e| wrong(format!("{shown}: {e}")))?;
                        (shown, self.keep_series.insert(name, keep).is_none())
                    }
                };
                if !is_new {
                    return Err(wrong(format!("{shown} is in two files: keep it in one")));
                }
            }
        }
        self.files.push(shown);
        Ok(())
    }

    /// Returns whether the tables contain no setting.
    pub fn is_empty(&self) -> bool {
        self.topics.is_empty() && self.keep.is_none() && self.keep_series.is_empty()
    }
}

fn days(keep: &str) -> Result<Option<u32>, String> {
    match keep {
        "forever" => Ok(None),
        days => parse_days(days).map(Some).map_err(|e| format!("keep: {e}, or give forever")),
    }
}

impl TopicTable {
    fn setting(self, topic: &str, file: &Path) -> Result<Option<TopicSetting>, String> {
        let Self { model, group, event_fields, dedupe, avro, remove } = self;
        if remove {
            return Ok(None);
        }
        let folder = file.parent().unwrap_or(Path::new(""));
        let avro = avro
            .map(|schema| TopicSchema { topic: topic.to_owned(), file: folder.join(schema) }.read())
            .transpose()?;
        if event_fields
            .as_ref()
            .is_some_and(|fields| fields.iter().any(|(_, pointer)| !pointer.starts_with('/')))
        {
            return Err("event-fields: a JSON pointer must begin with /".to_owned());
        }
        let setting = TopicSetting { model, group, event_fields, dedupe, avro };
        if setting == TopicSetting::default() {
            return Err("the table is empty: give model, group, event-fields, dedupe or avro, or \
                remove = true"
                .to_owned());
        }
        Ok(Some(setting))
    }
}
