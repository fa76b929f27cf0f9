//! The settings of topics, read from flags and environment and checked against the list of models.

use std::{
    collections::{BTreeMap, BTreeSet},
    str::FromStr,
};

use crate::{
    Models,
    models::builtin,
    topics::{BoundTopic, EventFields, Topics},
};

/// The model of a topic that no model reads by default.
const GENERIC: &str = "events";

/// Returns the default of `--topics`: the default topic of each built-in model.
pub fn default_topics() -> TopicBindings {
    let models = builtin();
    let bound = models
        .iter()
        .filter_map(|model| Some((model.default_topic()?.to_owned(), model.name().to_owned())));
    TopicBindings(bound.collect())
}

/// The settings that define how the records of a topic are read.
#[derive(Debug, Clone)]
pub struct TopicsConfig {
    /// The model of each topic.
    pub topics: TopicBindings,
    /// The JSON pointers to entity, time, type and version, for topics of the generic model
    /// `events`.
    pub event_fields: Vec<TopicFields>,
    /// Topics in which records with equal key and value are stored once per consumer group.
    pub dedupe: Vec<String>,
    /// Topics with a different consumer group, and the group of each.
    pub groups: BTreeMap<String, String>,
}

impl Default for TopicsConfig {
    fn default() -> Self {
        Self {
            topics: default_topics(),
            event_fields: Vec::new(),
            dedupe: Vec::new(),
            groups: BTreeMap::new(),
        }
    }
}

/// Topics and the names of their models.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicBindings(pub BTreeMap<String, String>);

/// The JSON pointers of one topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicFields {
    topic: String,
    fields: EventFields,
}

/// An error in the settings of topics.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TopicsError {
    /// A topic name is not one that Kafka allows.
    #[error(
        "{0:?} is not a topic name: a name has at most 249 characters, which are letters, digits, \
        '.', '_' and '-'"
    )]
    TopicName(String),
    /// A topic is bound twice.
    #[error("topic {0:?} is bound twice: bind it once")]
    Twice(String),
    /// No topic is bound.
    #[error("no topic is bound: give --topics TOPIC=MODEL")]
    None,
    /// The model does not exist.
    #[error("topic {topic:?} is bound to the unknown model {model:?}; the models are: {known}")]
    Model {
        /// The topic.
        topic: String,
        /// The name that is not a model.
        model: String,
        /// The names of all models.
        known: String,
    },
    /// The fields are not `topic=field:/pointer`.
    #[error(
        "{0:?} is not a setting of fields: give TOPIC=FIELD:/POINTER,… with the fields entity_id, \
            event_time, event_type, event_version"
    )]
    Fields(String),
    /// The fields of a topic are set twice.
    #[error("the fields of topic {0:?} are set twice: set them once")]
    FieldsTwice(String),
    /// A setting names a topic that is not bound.
    #[error("{option} names topic {topic:?}, which is not bound to a model: bind it with --topics")]
    Unbound {
        /// The flag of the setting.
        option: &'static str,
        /// The topic.
        topic: String,
    },
}

impl FromStr for TopicBindings {
    type Err = TopicsError;

    fn from_str(text: &str) -> Result<Self, TopicsError> {
        let Some(more) = text.trim().strip_prefix('+') else {
            return Ok(Self(parse_bindings(text)?));
        };
        let TopicBindings(mut all) = default_topics();
        for (topic, model) in parse_bindings(more)? {
            // With a `+`, a topic of the default may be bound to another model.
            all.insert(topic, model);
        }
        Ok(Self(all))
    }
}

/// Parses `TOPIC` and `TOPIC=MODEL`, separated by commas. A topic may be in the list without its
/// model too, because the template joins a list of topics and a list of models.
fn parse_bindings(text: &str) -> Result<BTreeMap<String, String>, TopicsError> {
    let mut all = BTreeMap::new();
    let mut alone = BTreeSet::new();
    for part in text.split(',').map(str::trim).filter(|p| !p.is_empty()) {
        let (topic, model) =
            part.split_once('=').map_or((part, None), |(topic, model)| (topic, Some(model.trim())));
        let topic = topic.trim();
        if topic.is_empty()
            || topic.len() > 249
            || !topic.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        {
            return Err(TopicsError::TopicName(topic.to_owned()));
        }
        let is_new = match model {
            Some(model) => all.insert(topic.to_owned(), model.to_owned()).is_none(),
            None => alone.insert(topic.to_owned()),
        };
        if !is_new {
            return Err(TopicsError::Twice(topic.to_owned()));
        }
    }
    let mut defaults = default_topics().0;
    for topic in alone {
        let model = defaults.remove(&topic).unwrap_or_else(|| GENERIC.to_owned());
        all.entry(topic).or_insert(model);
    }
    if all.is_empty() { Err(TopicsError::None) } else { Ok(all) }
}

impl std::fmt::Display for TopicBindings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let all: Vec<String> =
            self.0.iter().map(|(topic, model)| format!("{topic}={model}")).collect();
        f.write_str(&all.join(","))
    }
}

impl FromStr for TopicFields {
    type Err = TopicsError;

    fn from_str(text: &str) -> Result<Self, TopicsError> {
        let wrong = || TopicsError::Fields(text.to_owned());
        if text.trim().is_empty() {
            // The text is empty for an empty environment variable, and after a separator at the
            // end.
            return Ok(Self { topic: String::new(), fields: EventFields::default() });
        }
        let (topic, list) = text.trim().split_once('=').ok_or_else(wrong)?;
        let mut fields = EventFields::default();
        for part in list.split(',') {
            let (name, pointer) = part.split_once(':').ok_or_else(wrong)?;
            let slot = match name.trim() {
                "entity_id" => &mut fields.entity_id,
                "event_time" => &mut fields.event_time,
                "event_type" => &mut fields.event_type,
                "event_version" => &mut fields.event_version,
                _ => return Err(wrong()),
            };
            if !pointer.starts_with('/') || slot.replace(pointer.to_owned()).is_some() {
                return Err(wrong());
            }
        }
        Ok(Self { topic: topic.trim().to_owned(), fields })
    }
}

impl TopicFields {
    /// Returns the pointers of `topic`.
    pub fn new(topic: &str, fields: &EventFields) -> Self {
        Self { topic: topic.to_owned(), fields: fields.clone() }
    }

    /// Returns the topic. It is empty when the setting's text was empty.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// Returns the topic's pointers.
    pub fn fields(&self) -> &EventFields {
        &self.fields
    }
}

impl std::fmt::Display for TopicFields {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.topic.is_empty() {
            return Ok(());
        }
        let all: Vec<String> =
            self.fields.iter().map(|(name, pointer)| format!("{name}:{pointer}")).collect();
        write!(f, "{}={}", self.topic, all.join(","))
    }
}

impl Topics {
    /// Checks the settings and returns the bindings.
    pub fn new(config: &TopicsConfig, models: &Models) -> Result<Self, TopicsError> {
        let mut bound = BTreeMap::new();
        for (topic, model) in &config.topics.0 {
            let index = models.index(model).ok_or_else(|| TopicsError::Model {
                topic: topic.clone(),
                model: model.clone(),
                known: models.names(),
            })?;
            bound.insert(
                topic.clone(),
                BoundTopic { model: index, model_name: model.clone(), ..BoundTopic::default() },
            );
        }
        let unbound =
            |option, topic: &str| TopicsError::Unbound { option, topic: topic.to_owned() };
        for TopicFields { topic, fields } in
            config.event_fields.iter().filter(|f| !f.topic.is_empty())
        {
            let bound = bound.get_mut(topic).ok_or_else(|| unbound("--event-fields", topic))?;
            if bound.fields.replace(fields.clone()).is_some() {
                return Err(TopicsError::FieldsTwice(topic.clone()));
            }
        }
        for topic in config.dedupe.iter().map(|t| t.trim()).filter(|t| !t.is_empty()) {
            bound.get_mut(topic).ok_or_else(|| unbound("--dedupe", topic))?.dedupe = true;
        }
        for (topic, group) in &config.groups {
            bound.get_mut(topic).ok_or_else(|| unbound("group", topic))?.group =
                Some(group.clone());
        }
        Ok(Self { bound })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plus_adds_to_the_default() {
        let bindings: TopicBindings = "+orders=events".parse().expect("valid");
        assert_eq!(
            bindings.to_string(),
            "build_events=builds,cdevents=cdevents,orders=events,readings=readings"
        );
        let alone: TopicBindings = " a = events ".parse().expect("valid");
        assert_eq!(alone.to_string(), "a=events");
    }

    #[test]
    fn a_topic_without_a_model_has_its_own_or_events() {
        for (text, bound) in [
            ("orders, readings", "orders=events,readings=readings"),
            // The template joins its lists of topics and of models.
            ("orders,boats,boats=readings", "boats=readings,orders=events"),
            ("readings=events,readings,", "readings=events"),
        ] {
            assert_eq!(text.parse::<TopicBindings>().expect("valid").to_string(), bound, "{text}");
        }
    }

    #[test]
    fn wrong_settings_say_what_is_wrong() {
        for wrong in ["", "a=b,a=c", "a,a", "a b=c", "a b", "=x"] {
            assert!(wrong.parse::<TopicBindings>().is_err(), "{wrong}");
        }
        let config =
            TopicsConfig { topics: "a=nothing".parse().expect("valid"), ..TopicsConfig::default() };
        let error = Topics::new(&config, &builtin()).expect_err("no such model").to_string();
        assert_eq!(
            error,
            r#"topic "a" is bound to the unknown model "nothing"; the models are: events, builds, readings, cdevents"#
        );
        for wrong in
            ["orders", "orders=id:/id", "orders=entity_id:id", "orders=entity_id:/a,entity_id:/b"]
        {
            assert!(wrong.parse::<TopicFields>().is_err(), "{wrong}");
        }
    }
}
