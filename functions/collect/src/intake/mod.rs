//! The way of a body: values are split off, each is checked by its topic's model, and sent; at the
//! end Kafka has said of each that it is there.

mod kafka_wait;
mod report;
mod run;

use std::sync::Arc;

use weir_kafka::Producer;
use weir_model::{Decoder, Header, Headers, Model, Models, Outcome, Record, Rows, Topics, pointer};

pub(crate) use kafka_wait::KafkaWait;
pub use report::{Ended, Invalid, Report};
pub use run::IntakeRun;
pub(crate) use run::{Over, Sent};

/// What checks events and writes them to Kafka. Cheap to clone.
#[derive(Clone)]
pub struct Intake {
    producer: Arc<Producer>,
    models: Models,
    topics: Topics,
    decoders: Vec<Arc<dyn Decoder>>,
}

/// Why nothing can be written to a topic.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum NoTarget {
    /// It is bound to no model.
    #[error("topic {0} is bound to no model")]
    Unbound(String),
    /// Its values are no JSON.
    #[error("the values of topic {topic} are not JSON: {decoder} decodes them")]
    NotJson {
        /// The topic.
        topic: String,
        /// Who does.
        decoder: String,
    },
}

/// A topic, and how its values are checked.
#[derive(Clone)]
pub struct Target {
    intake: Intake,
    topic: String,
    model: Arc<dyn Model>,
    key: Option<String>,
}

impl Intake {
    /// For the topics that are bound to models, but not for those whose values one of the decoders
    /// reads.
    pub fn new(
        producer: Arc<Producer>,
        models: Models,
        topics: Topics,
        decoders: Vec<Arc<dyn Decoder>>,
    ) -> Self {
        Self { producer, models, topics, decoders }
    }

    /// A topic to write to. `key` is a JSON pointer to the records' key in their values; without
    /// one the key is what the model says an event is about, so that what is about one thing stays
    /// in order.
    pub fn target(&self, topic: &str, key: Option<String>) -> Result<Target, NoTarget> {
        let model = self.topics.model_index(topic).and_then(|index| self.models.iter().nth(index));
        let model = model.ok_or_else(|| NoTarget::Unbound(topic.to_owned()))?;
        if let Some(decoder) = self.decoders.iter().find(|decoder| decoder.decodes(topic)) {
            return Err(NoTarget::NotJson {
                topic: topic.to_owned(),
                decoder: decoder.name().to_owned(),
            });
        }
        Ok(Target { intake: self.clone(), topic: topic.to_owned(), model: model.clone(), key })
    }

    /// The topics that are bound, for messages.
    pub fn topics(&self) -> &Topics {
        &self.topics
    }
}

impl Target {
    /// Its topic.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// Its model's name.
    pub fn model(&self) -> &'static str {
        self.model.name()
    }

    /// A collector of rows, as the model's check wants it; what it collects is of no use here.
    fn rows(&self) -> Box<dyn Rows<'_> + '_> {
        self.model.rows(&self.intake.topics)
    }

    /// Checks a value as ingest will, and gives its key; the error is one line for the sender.
    fn check<'v>(
        &'v self,
        rows: &mut (dyn Rows<'v> + 'v),
        value: &'v str,
        headers: &[Header<'v>],
    ) -> Result<Option<std::borrow::Cow<'v, str>>, String> {
        let record = Record {
            topic: &self.topic,
            partition: 0,
            offset: 0,
            timestamp_ms: 0,
            key: None,
            value: Some(value.as_bytes()),
            headers: Headers(headers.to_vec()),
            schema: None,
            arrived_at: None,
            bad_base64: None,
            checksum: 0,
        };
        let entity = match rows.decode(&record, value) {
            Outcome::Event(event) => event.entity_id,
            // No fault: it is logged, as any other producer's would be.
            Outcome::Skip(_) => None,
            Outcome::Reject(rejection) => return Err(rejection.message),
        };
        let Some(path) = &self.key else { return Ok(entity) };
        let found = pointer::find(value, [Some(path)])[0].and_then(pointer::scalar);
        found.map(Some).ok_or_else(|| format!("there is no text or number at {path} to be the key"))
    }
}
