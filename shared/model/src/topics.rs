//! Which topic is which model's, and what is set for a topic.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// JSON pointers (RFC 6901) to what the generic model keeps in columns.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventFields {
    /// Which thing the event is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity_id: Option<String>,
    /// When: RFC 3339, or a number, see [`Micros::read`](crate::Micros::read).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_time: Option<String>,
    /// What happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_type: Option<String>,
    /// Version of the shape.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_version: Option<String>,
}

impl EventFields {
    /// Names and pointers of those that are set.
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

/// The settings, checked against the models there are.
#[derive(Debug, Clone, Default)]
pub struct Topics {
    pub(crate) bound: BTreeMap<String, BoundTopic>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct BoundTopic {
    /// The model's place in the list of models.
    pub(crate) model: usize,
    pub(crate) model_name: String,
    pub(crate) fields: Option<EventFields>,
    pub(crate) dedupe: bool,
    pub(crate) group: Option<String>,
}

impl Topics {
    /// The model's place in the list of models, for a topic; none when no model is bound to it.
    pub fn model_index(&self, topic: &str) -> Option<usize> {
        self.bound.get(topic).map(|t| t.model)
    }

    /// Topic and model name of each binding, sorted by topic.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.bound.iter().map(|(topic, t)| (topic.as_str(), t.model_name.as_str()))
    }

    /// The topics that are bound to a model.
    pub fn of_model(&self, model: &str) -> Vec<String> {
        self.iter().filter(|(_, m)| *m == model).map(|(t, _)| t.to_owned()).collect()
    }

    /// The topic's pointers.
    pub fn fields(&self, topic: &str) -> Option<&EventFields> {
        self.bound.get(topic)?.fields.as_ref()
    }

    /// The topic's consumer group, where it has one of its own.
    pub fn group(&self, topic: &str) -> Option<&str> {
        self.bound.get(topic)?.group.as_deref()
    }

    /// Whether any topic has a consumer group of its own.
    pub fn have_groups(&self) -> bool {
        self.bound.values().any(|topic| topic.group.is_some())
    }

    /// Whether repeats by content are dropped.
    pub fn dedupes(&self, topic: &str) -> bool {
        self.bound.get(topic).is_some_and(|t| t.dedupe)
    }
}
