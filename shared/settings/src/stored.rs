//! The settings of the data as the database stores them.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use weir_model::EventFields;
use weir_store::{
    StoreError,
    settings::{Change, Setting},
};

use crate::flags::parse_days;

/// The stored settings. Kinds that this build does not know are ignored and not changed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StoredSettings {
    /// The settings of each topic.
    pub topics: BTreeMap<String, TopicSetting>,
    /// The consumer group.
    pub group_id: Option<String>,
    /// The plugins.
    pub plugins: Option<Vec<String>>,
    /// Days that the log is kept.
    pub keep: Option<u32>,
    /// Days that each series is kept, by its model.
    pub keep_series: BTreeMap<String, u32>,
}

/// The settings of a topic.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct TopicSetting {
    /// The model. If no topic has one, the default topics and models apply.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The consumer group, if the topic has a different one from the others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The JSON pointers for the model `events`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_fields: Option<EventFields>,
    /// Whether records with equal key and value count once.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub dedupe: bool,
    /// The schema of Avro values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avro: Option<Value>,
}

impl StoredSettings {
    /// Parses the rows.
    pub fn of(rows: &[Setting]) -> Result<Self, StoreError> {
        let mut all = Self::default();
        for Setting { kind, name, value, .. } in rows {
            let wrong = |e: String| {
                StoreError::Setting(format!(
                    "cannot read the setting {kind} {name} of the database: {e}"
                ))
            };
            let json = |e: serde_json::Error| wrong(e.to_string());
            match kind.as_str() {
                "topic" => drop(
                    all.topics
                        .insert(name.clone(), serde_json::from_value(value.clone()).map_err(json)?),
                ),
                "group" => {
                    all.group_id = Some(serde_json::from_value(value.clone()).map_err(json)?);
                }
                "plugins" => {
                    all.plugins = Some(serde_json::from_value(value.clone()).map_err(json)?);
                }
                "retention" => {
                    let keep = value["keep"].as_str().unwrap_or_default();
                    let keep = parse_days(keep).map_err(wrong)?;
                    if name.is_empty() {
                        all.keep = Some(keep);
                    } else {
                        all.keep_series.insert(name.clone(), keep);
                    }
                }
                _ => {}
            }
        }
        Ok(all)
    }

    fn rows(&self) -> BTreeMap<(&'static str, &str), Value> {
        let mut rows = BTreeMap::new();
        for (name, topic) in
            self.topics.iter().filter(|(_, topic)| **topic != TopicSetting::default())
        {
            rows.insert(("topic", name.as_str()), json!(topic));
        }
        rows.extend(self.group_id.as_ref().map(|group| (("group", ""), json!(group))));
        rows.extend(self.plugins.as_ref().map(|plugins| (("plugins", ""), json!(plugins))));
        let keep = |days: &u32| json!({"keep": format!("{days}d")});
        rows.extend(self.keep.as_ref().map(|days| (("retention", ""), keep(days))));
        let of_series = self.keep_series.iter();
        rows.extend(of_series.map(|(name, days)| (("retention", name.as_str()), keep(days))));
        rows
    }

    /// Returns the changes from these settings to `next`.
    pub fn changes(&self, next: &Self) -> Vec<Change> {
        let (now, next) = (self.rows(), next.rows());
        let keys: BTreeSet<_> = now.keys().chain(next.keys()).collect();
        let differ = keys.into_iter().filter(|key| now.get(*key) != next.get(*key));
        differ
            .map(|key| Change {
                kind: key.0.to_owned(),
                name: key.1.to_owned(),
                value: next.get(key).cloned(),
            })
            .collect()
    }

    /// Returns a line for each change.
    pub fn describe(&self, changes: &[Change]) -> Vec<String> {
        let now = self.rows();
        let line = |change: &Change| {
            let before = now.iter().find(|((kind, name), _)| {
                (*kind, *name) == (change.kind.as_str(), change.name.as_str())
            });
            let what = format!("{} {}", change.kind, change.name);
            let shown = |value: Option<&Value>| {
                value.map_or_else(|| "not set".to_owned(), Value::to_string)
            };
            format!(
                "{}: {} → {}",
                what.trim_end(),
                shown(before.map(|(_, value)| value)),
                shown(change.value.as_ref())
            )
        };
        changes.iter().map(line).collect()
    }

    /// Returns the model of each topic; `None` when no topic has a model.
    pub fn bindings(&self) -> Option<BTreeMap<String, String>> {
        let bound: BTreeMap<_, _> = self
            .topics
            .iter()
            .filter_map(|(name, topic)| Some((name.clone(), topic.model.clone()?)))
            .collect();
        (!bound.is_empty()).then_some(bound)
    }

    pub(crate) fn event_fields(&self) -> BTreeMap<String, EventFields> {
        self.topics
            .iter()
            .filter_map(|(name, topic)| Some((name.clone(), topic.event_fields.clone()?)))
            .collect()
    }

    pub(crate) fn dedupe(&self) -> BTreeSet<String> {
        self.topics.iter().filter(|(_, topic)| topic.dedupe).map(|(name, _)| name.clone()).collect()
    }

    pub(crate) fn avro(&self) -> BTreeMap<String, Value> {
        self.topics
            .iter()
            .filter_map(|(name, topic)| Some((name.clone(), topic.avro.clone()?)))
            .collect()
    }
}
