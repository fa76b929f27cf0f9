//! The settings of the data as flags, which are also environment variables of the functions.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use weir_model::{EventFields, TopicBindings, TopicFields};
use weir_plugin::avro::TopicSchema;
use weir_store::StoreError;

/// The settings of the data. They are stored in the database: a flag stores its value at the first
/// start, and must agree with the stored value at every later start.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct DataFlags {
    /// Topics to read, each with the model that decodes its records
    ///
    /// The default is `build_events=builds,cdevents=cdevents,readings=readings`. A topic without a
    /// model has its model of this default, or else `events`. A list that begins with + adds its
    /// topics to the default, for example `+orders`.
    #[arg(long, env = "TOPICS", value_name = "TOPIC[=MODEL],…")]
    pub topics: Option<TopicBindings>,

    /// JSON pointers to the entity, time, type and version in the values of a topic
    ///
    /// For topics of the model `events`. For example
    /// 'orders=entity_id:/id,event_time:/at,event_type:/kind'. Several topics are separated by ;
    #[expect(clippy::doc_markdown, reason = "shown by --help")]
    #[arg(long, env = "EVENT_FIELDS", value_name = "TOPIC=FIELD:POINTER,…", value_delimiter = ';')]
    pub event_fields: Vec<TopicFields>,

    /// Topics in which a record with equal key and value is stored once for each consumer group
    ///
    /// Two different events with equal key and value are then stored once too. The setting needs an
    /// additional index.
    #[arg(long, env = "DEDUPE", value_name = "TOPIC,…", value_delimiter = ',')]
    pub dedupe: Vec<String>,

    /// Plugins to enable
    #[arg(long, env = "PLUGINS", value_name = "NAME,…", value_delimiter = ',')]
    pub plugins: Vec<String>,

    /// Topics with Avro values, each with the file of its schema (.avsc)
    #[arg(long, env = "AVRO", value_name = "TOPIC=FILE,…", value_delimiter = ',')]
    pub avro: Vec<TopicSchema>,

    /// Kafka consumer group [default: weir]
    ///
    /// The records of a topic are stored once for each group. `{topic}` in the name is replaced by
    /// the name of the topic, for functions with one event source mapping for each topic.
    #[arg(long, env = "GROUP_ID", value_name = "NAME")]
    pub group_id: Option<String>,

    /// Number of days that events are kept, for example 400d
    ///
    /// The daily job drops a month of the log when all its events are older, and all its days are
    /// dumped and verified. Without this setting, events are kept forever.
    #[arg(long, env = "KEEP", value_name = "DAYS", value_parser = parse_days)]
    pub keep: Option<u32>,
}

/// The variables that a deployment sets in addition to the settings.
#[derive(Debug, Clone, clap::Args)]
pub struct Deployed {
    /// Number that changes with each change of the settings in the database
    ///
    /// The function does not use the number. A deployment changes it, so that Lambda starts the
    /// function again.
    #[arg(long, env = "SETTINGS_VERSION", value_name = "N")]
    pub settings_version: Option<String>,
}

/// The names of these flags.
pub const DATA_FLAGS: [&str; 7] =
    ["topics", "event-fields", "dedupe", "plugins", "avro", "group-id", "keep"];

/// Parses days, as `400d` or `400`.
pub fn parse_days(text: &str) -> Result<u32, String> {
    let days = text.strip_suffix('d').unwrap_or(text).parse::<u32>().ok();
    days.filter(|d| (1..=36_500).contains(d))
        .ok_or_else(|| "not a number of days: give 1 to 36500 days, for example 400d".to_owned())
}

/// The values of the flags in one form, with the contents of the files.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Given {
    /// The model of each topic.
    pub topics: Option<BTreeMap<String, String>>,
    /// The JSON pointers by topic.
    pub event_fields: Option<BTreeMap<String, EventFields>>,
    /// The topics with dedupe.
    pub dedupe: Option<BTreeSet<String>>,
    /// The Avro schemas by topic.
    pub avro: Option<BTreeMap<String, Value>>,
    /// The plugins, in order.
    pub plugins: Option<Vec<String>>,
    /// The consumer group.
    pub group_id: Option<String>,
    /// Days that the log is kept.
    pub keep: Option<u32>,
}

impl DataFlags {
    /// Returns the given flags. An empty list, as `--dedupe ''`, counts as given: the list is then
    /// empty.
    pub fn given(&self) -> Result<Given, StoreError> {
        let mut given = Given {
            topics: self.topics.as_ref().map(|topics| topics.0.clone()),
            ..Given::default()
        };
        if !self.event_fields.is_empty() {
            let mut all = BTreeMap::new();
            for one in self.event_fields.iter().filter(|one| !one.topic().is_empty()) {
                if all.insert(one.topic().to_owned(), one.fields().clone()).is_some() {
                    return Err(StoreError::Setting(format!(
                        "the fields of topic {:?} are set twice: set them once",
                        one.topic()
                    )));
                }
            }
            given.event_fields = Some(all);
        }
        let names = |list: &[String]| {
            list.iter()
                .map(|name| name.trim().to_owned())
                .filter(|name| !name.is_empty())
                .collect::<Vec<_>>()
        };
        given.dedupe = (!self.dedupe.is_empty()).then(|| names(&self.dedupe).into_iter().collect());
        given.plugins = (!self.plugins.is_empty()).then(|| names(&self.plugins));
        if !self.avro.is_empty() {
            let read = |one: &TopicSchema| Ok((one.topic.clone(), one.read()?));
            given.avro = Some(
                self.avro
                    .iter()
                    .map(read)
                    .collect::<Result<_, String>>()
                    .map_err(StoreError::Setting)?,
            );
        }
        (given.group_id, given.keep) = (self.group_id.clone(), self.keep);
        Ok(given)
    }
}

impl Given {
    /// Removes empty lists, because an empty variable of a template means that nothing is given.
    #[must_use]
    pub fn said(self) -> Self {
        Self {
            event_fields: self.event_fields.filter(|all| !all.is_empty()),
            dedupe: self.dedupe.filter(|all| !all.is_empty()),
            avro: self.avro.filter(|all| !all.is_empty()),
            plugins: self.plugins.filter(|all| !all.is_empty()),
            ..self
        }
    }
}
