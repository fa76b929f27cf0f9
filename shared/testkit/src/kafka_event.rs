//! Builds Lambda's events for Kafka, including malformed ones.

use std::collections::BTreeMap;

use base64_simd::STANDARD;
use serde_json::{Map, Value, json};

/// The form of a key or a value in the event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    /// The member is missing.
    Absent,
    /// The member is `null`.
    Null,
    /// Bytes, sent as base64.
    Bytes(Vec<u8>),
    /// This text in the place of base64.
    Text(String),
}

impl<T: AsRef<[u8]>> From<T> for Field {
    fn from(bytes: T) -> Self {
        Self::Bytes(bytes.as_ref().to_vec())
    }
}

impl Field {
    fn put(&self, name: &str, record: &mut Map<String, Value>) {
        let value = match self {
            Self::Absent => return,
            Self::Null => Value::Null,
            Self::Bytes(bytes) => STANDARD.encode_to_string(bytes).into(),
            Self::Text(text) => text.as_str().into(),
        };
        record.insert(name.to_owned(), value);
    }
}

/// One record: `Record { offset: 7, value: "{}".into(), ..Record::default() }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The topic's name.
    pub topic: String,
    /// The partition's number.
    pub partition: i32,
    /// The offset in the partition.
    pub offset: i64,
    /// Milliseconds since 1970, set by the producer.
    pub timestamp: i64,
    /// The key.
    pub key: Field,
    /// The value; [`Field::Null`] is a tombstone.
    pub value: Field,
    /// Names and bytes in order; `None` as bytes is a header with a null value. `None` omits the
    /// member `headers`.
    pub headers: Option<Vec<(String, Option<Vec<u8>>)>>,
}

impl Default for Record {
    /// `mytopic`, partition 0, offset 0, 2026-01-02T03:04:05.678Z, no key, the value `{}`, no
    /// headers.
    fn default() -> Self {
        Self {
            topic: "mytopic".to_owned(),
            partition: 0,
            offset: 0,
            timestamp: 1_767_323_045_678,
            key: Field::Absent,
            value: "{}".into(),
            headers: Some(Vec::new()),
        }
    }
}

impl Record {
    fn to_json(&self) -> Value {
        let mut record = Map::new();
        record.insert("topic".to_owned(), self.topic.as_str().into());
        record.insert("partition".to_owned(), self.partition.into());
        record.insert("offset".to_owned(), self.offset.into());
        record.insert("timestamp".to_owned(), self.timestamp.into());
        record.insert("timestampType".to_owned(), "CREATE_TIME".into());
        self.key.put("key", &mut record);
        self.value.put("value", &mut record);
        if let Some(headers) = &self.headers {
            record.insert("headers".to_owned(), headers.iter().map(header).collect());
        }
        record.into()
    }
}

/// Formats a header. The event has Java's signed bytes.
fn header((name, bytes): &(String, Option<Vec<u8>>)) -> Value {
    match bytes {
        Some(bytes) => {
            let signed: Vec<i8> = bytes.iter().map(|byte| byte.cast_signed()).collect();
            json!({ name: signed })
        }
        None => json!({}),
    }
}

/// A whole event. The default is an event of Amazon MSK without records.
#[derive(Debug, Clone, Default)]
pub struct KafkaEvent {
    self_managed: bool,
    records: Vec<Record>,
}

impl KafkaEvent {
    /// Creates an event of Amazon MSK with these records.
    pub fn new(records: impl IntoIterator<Item = Record>) -> Self {
        Self { self_managed: false, records: records.into_iter().collect() }
    }

    /// Changes the event to one of a self-managed Kafka: `eventSource` is `SelfManagedKafka`,
    /// and the ARN is absent.
    #[must_use]
    pub fn self_managed(mut self) -> Self {
        self.self_managed = true;
        self
    }

    /// Adds a record at the end of its partition.
    #[must_use]
    pub fn record(mut self, record: Record) -> Self {
        self.records.push(record);
        self
    }

    /// Returns the event as a JSON value; records are grouped under `topic-partition`.
    pub fn to_json(&self) -> Value {
        let mut groups: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for record in &self.records {
            groups
                .entry(format!("{}-{}", record.topic, record.partition))
                .or_default()
                .push(record.to_json());
        }
        let mut event = json!({
            "eventSource": if self.self_managed { "SelfManagedKafka" } else { "aws:kafka" },
            "bootstrapServers": "b-1.test.kafka.example:9092,b-2.test.kafka.example:9092",
            "records": groups,
        });
        if !self.self_managed {
            event["eventSourceArn"] = "arn:aws:kafka:eu-west-1:123456789012:cluster/test/00000000-0000-0000-0000-000000000000-1".into();
        }
        event
    }

    /// Returns the event as Lambda sends it.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.to_json().to_string().into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_event_has_the_shape_of_the_contract() {
        let event = KafkaEvent::new([Record {
            offset: 15,
            key: "recordKey".into(),
            value: r#"{"key":"value"}"#.into(),
            headers: Some(vec![
                ("headerKey".to_owned(), Some(vec![104, 101, 97, 195, 171])),
                ("none".to_owned(), None),
            ]),
            ..Record::default()
        }]);
        let event: Value = serde_json::from_slice(&event.to_bytes()).expect("JSON");
        let record = &event["records"]["mytopic-0"][0];
        assert_eq!(event["eventSource"], "aws:kafka");
        assert_eq!(record["key"], "cmVjb3JkS2V5");
        assert_eq!(record["value"], "eyJrZXkiOiJ2YWx1ZSJ9");
        assert_eq!(record["headers"], json!([{"headerKey": [104, 101, 97, -61, -85]}, {}]));
    }

    #[test]
    fn odd_records_can_be_told() {
        let event = KafkaEvent::default().self_managed().record(Record {
            key: Field::Null,
            value: Field::Text("not base64!".to_owned()),
            headers: None,
            ..Record::default()
        });
        let event = event.to_json();
        let record = event["records"]["mytopic-0"][0].as_object().expect("a record");
        assert!(event.get("eventSourceArn").is_none());
        assert_eq!(record["key"], Value::Null);
        assert_eq!(record["value"], "not base64!");
        assert!(!record.contains_key("headers"));
    }
}
