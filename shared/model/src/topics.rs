//! Which topic is which model's, and what is set for a topic.

use std::collections::BTreeMap;

/// JSON pointers (RFC 6901) to what the generic model keeps in columns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFields {
    /// Which thing the event is about.
    pub entity_id: Option<String>,
    /// When: RFC 3339, or a number, see [`Micros::read`](crate::Micros::read).
    pub event_time: Option<String>,
    /// What happened.
    pub event_type: Option<String>,
    /// Version of the shape.
    pub event_version: Option<String>,
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

    /// Whether repeats by content are dropped.
    pub fn dedupes(&self, topic: &str) -> bool {
        self.bound.get(topic).is_some_and(|t| t.dedupe)
    }
}
