//! Splits a body into values, checks each value with its topic's model, and sends it. At the end
//! Kafka has acknowledged or refused each value.

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

/// Checks events and writes them to Kafka. Cheap to clone.
#[derive(Clone)]
pub struct Intake {
    producer: Arc<Producer>,
    models: Models,
    topics: Topics,
    decoders: Vec<Arc<dyn Decoder>>,
}

/// The reason why nothing can be written to a topic.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum NoTarget {
    /// The topic is bound to no model.
    #[error("topic {0} is not bound to a model")]
    Unbound(String),
    /// A decoder reads the topic's values, so they are not JSON.
    #[error("the values of topic {topic} are not JSON, because the decoder {decoder} decodes them")]
    NotJson {
        /// The topic.
        topic: String,
        /// The name of the decoder.
        decoder: String,
    },
}

/// A topic with the model that checks its values.
#[derive(Clone)]
pub struct Target {
    intake: Intake,
    topic: String,
    model: Arc<dyn Model>,
    key: Option<String>,
}

impl Intake {
    /// Creates an intake for the topics that are bound to models. Topics whose values a decoder
    /// reads are refused as targets.
    pub fn new(
        producer: Arc<Producer>,
        models: Models,
        topics: Topics,
        decoders: Vec<Arc<dyn Decoder>>,
    ) -> Self {
        Self { producer, models, topics, decoders }
    }

    /// Returns a target for a topic.
    ///
    /// `key` is a JSON pointer to the key of a record in its value. Without it, the key is the
    /// entity id that the model finds, which keeps the events of one entity in order.
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

    /// Returns the bound topics, for messages.
    pub fn topics(&self) -> &Topics {
        &self.topics
    }
}

impl Target {
    /// Returns the topic's name.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// Returns the name of the topic's model.
    pub fn model(&self) -> &'static str {
        self.model.name()
    }

    /// Returns a row collector, which the model's check needs. The collected rows are not used
    /// here.
    fn rows(&self) -> Box<dyn Rows<'_> + '_> {
        self.model.rows(&self.intake.topics)
    }

    /// Checks a value as ingest will, and returns its key. The error is one line for the sender.
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
            // A skipped event is not an error: it is stored in the log, as from any other producer.
            Outcome::Skip(_) => None,
            Outcome::Reject(rejection) => return Err(rejection.message),
        };
        let Some(path) = &self.key else { return Ok(entity) };
        let found = pointer::find(value, [Some(path)])[0].and_then(pointer::scalar);
        found
            .map(Some)
            .ok_or_else(|| format!("the value has no text or number at {path} for the key"))
    }
}
