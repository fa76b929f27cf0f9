//! The model and the settings of each topic.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// JSON pointers (RFC 6901) to the values that the generic model stores in columns.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventFields {
    /// Pointer to the id of the thing that the event is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity_id: Option<String>,
    /// Pointer to the time: RFC 3339 or a number, see [`Micros::read`](crate::Micros::read).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_time: Option<String>,
    /// Pointer to the event's type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_type: Option<String>,
    /// Pointer to the version of the event's format.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_version: Option<String>,
}

impl EventFields {
    /// Returns the names and pointers of the fields that are set.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let all = [
            ("entity_id", &self.entity_id),
            ("event_time", &self.event_time),
            ("event_type", &self.event_type),
            ("event_version", &self.event_version),
        ];
        all.into_iter().filter_map(|(name, pointer)| Some((name, pointer.as_deref()?)))
    }
}

/// The settings of all topics, checked against the list of models.
#[derive(Debug, Clone, Default)]
pub struct Topics {
    pub(crate) bound: BTreeMap<String, BoundTopic>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct BoundTopic {
    /// The model's index in the list of models.
    pub(crate) model: usize,
    pub(crate) model_name: String,
    pub(crate) fields: Option<EventFields>,
    pub(crate) dedupe: bool,
    pub(crate) group: Option<String>,
}

impl Topics {
    /// Returns the index of the topic's model in the list of models. `None` when the topic is not
    /// bound.
    pub fn model_index(&self, topic: &str) -> Option<usize> {
        self.bound.get(topic).map(|t| t.model)
    }

    /// Returns topic and model name of each binding, sorted by topic.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.bound.iter().map(|(topic, t)| (topic.as_str(), t.model_name.as_str()))
    }

    /// Returns the topics that are bound to a model.
    pub fn of_model(&self, model: &str) -> Vec<String> {
        self.iter().filter(|(_, m)| *m == model).map(|(t, _)| t.to_owned()).collect()
    }

    /// Returns the topic's JSON pointers.
    pub fn fields(&self, topic: &str) -> Option<&EventFields> {
        self.bound.get(topic)?.fields.as_ref()
    }

    /// Returns the topic's consumer group, when the topic has a different one than the default.
    pub fn group(&self, topic: &str) -> Option<&str> {
        self.bound.get(topic)?.group.as_deref()
    }

    /// Returns whether any topic has a different consumer group than the default.
    pub fn have_groups(&self) -> bool {
        self.bound.values().any(|topic| topic.group.is_some())
    }

    /// Returns whether duplicates by content are dropped in this topic.
    pub fn dedupes(&self, topic: &str) -> bool {
        self.bound.get(topic).is_some_and(|t| t.dedupe)
    }
}
