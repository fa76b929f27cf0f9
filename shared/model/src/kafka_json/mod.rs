//! Reads the event JSON of Lambda's Kafka event source mapping, borrowed and leniently.
//!
//! Source: <https://docs.aws.amazon.com/lambda/latest/dg/with-msk.html> and the samples that
//! `aws_lambda_events` ships. Each lenient rule here is for a spelling that one of them has.
//!
//! Texts without an escape are borrowed from the JSON. Unknown members are skipped unread. If a
//! member occurs twice, the last one counts.

pub(crate) mod plain;
mod scalar;

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize,
    de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use scalar::{HeaderName, SignedBytes};
pub(crate) use scalar::{Number, Text};

/// Passes each record to `each` as it is read, so that no list of records is built. Stops when
/// `each` returns `false`. Returns `eventSource`.
pub(crate) fn read<'a>(
    text: &'a str,
    each: &mut dyn FnMut(RecordJson<'a>) -> bool,
) -> Result<Option<Text<'a>>, serde_json::Error> {
    let mut json = serde_json::Deserializer::from_str(text);
    let source = EventSeed(each).deserialize(&mut json)?;
    json.end()?;
    Ok(source)
}

/// A record of the JSON with its base64 not yet decoded.
pub(crate) struct RecordJson<'a> {
    pub topic: Text<'a>,
    pub partition: Number,
    pub offset: Number,
    pub timestamp: Number,
    pub key: Option<Text<'a>>,
    pub value: Option<Text<'a>>,
    pub headers: Vec<HeaderJson<'a>>,
    pub schema: Option<SchemaJson<'a>>,
}

/// Kafka's number for "no timestamp".
const NO_TIMESTAMP: Number = Number(-1);

/// `valueSchemaMetadata`.
#[derive(Deserialize)]
pub(crate) struct SchemaJson<'a> {
    #[serde(borrow, default, rename = "dataFormat")]
    pub format: Option<Text<'a>>,
    #[serde(borrow, default, rename = "schemaId")]
    pub id: Option<Text<'a>>,
}

/// One header: `{"name":[104,101,-61]}`. A header with a null value arrives as `{}`, without its
/// name.
pub(crate) struct HeaderJson<'a> {
    pub name: Option<Cow<'a, str>>,
    pub value: Option<Vec<u8>>,
}

type Each<'f, 'de> = &'f mut dyn FnMut(RecordJson<'de>) -> bool;

struct EventSeed<'f, 'de>(Each<'f, 'de>);

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "camelCase")]
enum EventField {
    EventSource,
    Records,
    #[serde(other)]
    Other,
}

impl<'de> DeserializeSeed<'de> for EventSeed<'_, 'de> {
    type Value = Option<Text<'de>>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for EventSeed<'_, 'de> {
    type Value = Option<Text<'de>>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with records")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut source, mut records) = (None, false);
        while let Some(field) = map.next_key()? {
            match field {
                EventField::EventSource => source = map.next_value()?,
                EventField::Records => {
                    map.next_value_seed(RecordsSeed(&mut *self.0))?;
                    records = true;
                }
                EventField::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        if records { Ok(source) } else { Err(A::Error::missing_field("records")) }
    }
}

/// `records`: a map from topic-partition to a list. The map's names are not needed, because each
/// record has its own topic and partition.
struct RecordsSeed<'f, 'de>(Each<'f, 'de>);

impl<'de> DeserializeSeed<'de> for RecordsSeed<'_, 'de> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for RecordsSeed<'_, 'de> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of topic-partition to a list of records")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while map.next_key::<IgnoredAny>()?.is_some() {
            map.next_value_seed(RecordListSeed(&mut *self.0))?;
        }
        Ok(())
    }
}

struct RecordListSeed<'f, 'de>(Each<'f, 'de>);

impl<'de> DeserializeSeed<'de> for RecordListSeed<'_, 'de> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for RecordListSeed<'_, 'de> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of records")
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(record) = seq.next_element()? {
            if !(self.0)(record) {
                return Err(A::Error::custom("a record could not be added"));
            }
        }
        Ok(())
    }
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "camelCase")]
enum RecordField {
    Topic,
    Partition,
    Offset,
    Timestamp,
    Key,
    Value,
    Headers,
    ValueSchemaMetadata,
    #[serde(other)]
    Other,
}

impl<'de: 'a, 'a> Deserialize<'de> for RecordJson<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct RecordVisitor;
        impl<'de> Visitor<'de> for RecordVisitor {
            type Value = RecordJson<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a record: an object with topic, partition and offset")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let (mut topic, mut partition, mut offset, mut timestamp) =
                    (None, None, None, None);
                let (mut key, mut value, mut headers, mut schema) =
                    (None, None, None::<HeadersJson<'de>>, None);
                while let Some(field) = map.next_key()? {
                    match field {
                        RecordField::Topic => topic = Some(map.next_value()?),
                        RecordField::Partition => partition = Some(map.next_value()?),
                        RecordField::Offset => offset = Some(map.next_value()?),
                        RecordField::Timestamp => timestamp = map.next_value()?,
                        RecordField::Key => key = map.next_value()?,
                        RecordField::Value => value = map.next_value()?,
                        RecordField::Headers => headers = map.next_value()?,
                        RecordField::ValueSchemaMetadata => schema = map.next_value()?,
                        RecordField::Other => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(RecordJson {
                    topic: topic.ok_or_else(|| A::Error::missing_field("topic"))?,
                    partition: partition.ok_or_else(|| A::Error::missing_field("partition"))?,
                    offset: offset.ok_or_else(|| A::Error::missing_field("offset"))?,
                    timestamp: timestamp.unwrap_or(NO_TIMESTAMP),
                    key,
                    value,
                    headers: headers.map_or_else(Vec::new, |h| h.0),
                    schema,
                })
            }
        }
        deserializer.deserialize_map(RecordVisitor)
    }
}

/// The list of headers. Lambda writes one object for each header. An object with several members
/// counts as several headers.
struct HeadersJson<'a>(Vec<HeaderJson<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for HeadersJson<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ListVisitor;
        impl<'de> Visitor<'de> for ListVisitor {
            type Value = HeadersJson<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of headers")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut headers = Vec::new();
                while seq.next_element_seed(HeaderSeed(&mut headers))?.is_some() {}
                Ok(HeadersJson(headers))
            }
        }
        deserializer.deserialize_seq(ListVisitor)
    }
}

struct HeaderSeed<'h, 'a>(&'h mut Vec<HeaderJson<'a>>);

impl<'de> DeserializeSeed<'de> for HeaderSeed<'_, 'de> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for HeaderSeed<'_, 'de> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a header: a map of its name to a list of signed bytes")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let before = self.0.len();
        while let Some(HeaderName(name)) = map.next_key()? {
            let bytes: Option<SignedBytes> = map.next_value()?;
            self.0.push(HeaderJson { name: Some(name), value: bytes.map(|b| b.0) });
        }
        if self.0.len() == before {
            self.0.push(HeaderJson { name: None, value: None });
        }
        Ok(())
    }
}
