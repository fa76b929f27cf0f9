//! Converts Avro values to JSON, with a schema file for each topic. This is the worked example of a
//! [`Decoder`].
//!
//! The value is in Avro's binary encoding, with or without the frame of Confluent or Glue. The
//! schema id of a frame is not looked up, because each topic has one schema.

mod to_json;

use std::{path::PathBuf, str::FromStr};

use apache_avro::Schema;
use weir_model::{
    DecodeError, Decoder, Headers,
    value::{Frame, INFLATED_BYTES_MAX},
};

/// The schema file of a topic, written `topic=file.avsc`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicSchema {
    /// The name of the topic.
    pub topic: String,
    /// The path of the schema file.
    pub file: PathBuf,
}

impl FromStr for TopicSchema {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((topic, file)) if !topic.is_empty() && !file.is_empty() => {
                Ok(Self { topic: topic.trim().to_owned(), file: file.trim().into() })
            }
            _ => Err(format!("{text:?} is not a schema setting: give TOPIC=FILE")),
        }
    }
}

impl std::fmt::Display for TopicSchema {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}={}", self.topic, self.file.display())
    }
}

impl TopicSchema {
    /// Reads the schema from the file. The error is one line that names the file.
    pub fn read(&self) -> Result<serde_json::Value, String> {
        let named = |e: &dyn std::fmt::Display| format!("Avro schema {}: {e}", self.file.display());
        let text = std::fs::read_to_string(&self.file).map_err(|e| named(&e))?;
        let schema = serde_json::from_str(&text).map_err(|e| named(&e))?;
        Schema::parse(&schema).map_err(|e| named(&e))?;
        Ok(schema)
    }
}

/// The schema of a topic.
#[derive(Debug, Clone, PartialEq)]
pub struct AvroSchema {
    /// The name of the topic.
    pub topic: String,
    /// The schema as JSON.
    pub schema: serde_json::Value,
}

/// Decodes the topics that have a schema.
pub struct AvroDecoder {
    schemas: Vec<(String, Schema)>,
}

impl AvroDecoder {
    /// Parses the schemas. The error is one line that names the topic.
    pub fn new(topics: &[AvroSchema]) -> Result<Self, String> {
        let parse = |t: &AvroSchema| {
            let schema = Schema::parse(&t.schema)
                .map_err(|e| format!("Avro schema of topic {}: {e}", t.topic))?;
            Ok((t.topic.clone(), schema))
        };
        Ok(Self { schemas: topics.iter().map(parse).collect::<Result<_, String>>()? })
    }
}

impl Decoder for AvroDecoder {
    fn name(&self) -> &'static str {
        "avro"
    }

    fn decodes(&self, topic: &str) -> bool {
        self.schemas.iter().any(|(t, _)| t == topic)
    }

    fn decode(&self, bytes: &[u8], _: &Headers<'_>, topic: &str) -> Result<String, DecodeError> {
        let schema = self.schemas.iter().find(|(t, _)| t == topic).map(|(_, schema)| schema);
        let schema = schema.ok_or_else(|| DecodeError(format!("topic {topic} has no schema")))?;
        // A bare value may begin with the bytes of a frame by chance. Then the whole value is
        // decoded.
        let framed = Frame::of(bytes).map(|frame| frame.body(INFLATED_BYTES_MAX)).transpose()?;
        let decoded = match &framed {
            Some(body) => read(schema, body).or_else(|_| read(schema, bytes)),
            None => read(schema, bytes),
        };
        to_json::to_json(decoded?)
    }
}

fn read(schema: &Schema, mut bytes: &[u8]) -> Result<apache_avro::types::Value, DecodeError> {
    let value = apache_avro::from_avro_datum(schema, &mut bytes, None)
        .map_err(|e| DecodeError(format!("the value is not Avro of the topic's schema: {e}")))?;
    if bytes.is_empty() {
        Ok(value)
    } else {
        Err(DecodeError(format!(
            "{} bytes remain after the Avro value: it was written with another schema",
            bytes.len()
        )))
    }
}
