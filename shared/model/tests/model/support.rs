//! Events, records and rows for the tests. The data lives until the end of the test run.

use bytes::BytesMut;
use postgres_types::{FromSql, FromSqlOwned};
use serde_json::{Value, json};
use weir_model::{
    Chosen, Headers, KafkaBatch, Models, Outcome, Position, Record, Rows, Statement, Topics,
    TopicsConfig, models,
    value::{Opened, open},
};

pub(crate) const RECORD_TIMESTAMP_MS: i64 = 1_700_000_000_123;

/// Returns a record as Lambda writes it.
pub(crate) fn lambda_record(topic: &str, partition: i32, offset: i64, value: &str) -> Value {
    json!({"topic": topic, "partition": partition, "offset": offset, "timestamp": RECORD_TIMESTAMP_MS, "timestampType": "CREATE_TIME",
        "key": base64("key"), "value": base64(value), "headers": []})
}

pub(crate) fn base64(text: impl AsRef<[u8]>) -> String {
    base64_simd::STANDARD.encode_to_string(text)
}

/// Returns the event with the records, in the given order.
pub(crate) fn event(records: &[Value]) -> Vec<u8> {
    let mut lists = serde_json::Map::new();
    for record in records {
        let name =
            format!("{}-{}", record["topic"].as_str().unwrap_or_default(), record["partition"]);
        lists
            .entry(name)
            .or_insert_with(|| json!([]))
            .as_array_mut()
            .expect("a list")
            .push(record.clone());
    }
    json!({"eventSource": "aws:kafka", "records": lists}).to_string().into_bytes()
}

pub(crate) fn batch(records: &[Value]) -> KafkaBatch {
    KafkaBatch::parse(&event(records)).expect("a valid event")
}

/// Returns a record without key and headers.
pub(crate) fn record<'a>(topic: &'a str, value: Option<&'a [u8]>) -> Record<'a> {
    Record {
        topic,
        partition: 0,
        offset: 0,
        timestamp_ms: RECORD_TIMESTAMP_MS,
        key: None,
        value,
        headers: Headers::default(),
        arrived_at: None,
        schema: None,
        bad_base64: None,
        checksum: 0,
    }
}

/// Returns a collector of the model's rows. `fields` are the `--event-fields` of the topic `topic`.
pub(crate) fn rows_with(model: &str, fields: &[&str]) -> Box<dyn Rows<'static>> {
    let models: &'static Models = Box::leak(Box::new(models::builtin()));
    let config = TopicsConfig {
        topics: format!("topic={model}").parse().expect("a binding"),
        event_fields: fields.iter().map(|f| f.parse().expect("fields")).collect(),
        ..TopicsConfig::default()
    };
    let topics: &'static Topics =
        Box::leak(Box::new(Topics::new(&config, models).expect("valid settings")));
    models.get(model).expect("a model").rows(topics)
}

pub(crate) fn rows(model: &str) -> Box<dyn Rows<'static>> {
    rows_with(model, &[])
}

/// Returns the model's outcome for a record, opened in the same way as in ingest.
pub(crate) fn outcome(rows: &mut dyn Rows<'static>, record: &Record<'static>) -> Outcome<'static> {
    match open(record, None) {
        Opened::Tombstone => rows.tombstone(record),
        Opened::Json { text, .. } => {
            rows.decode(record, Box::leak(text.into_owned().into_boxed_str()))
        }
        Opened::Rejected(rejection) => rejection.into(),
    }
}

pub(crate) fn decode(model: &str, value: &str) -> Outcome<'static> {
    let value: &'static str = Box::leak(value.to_owned().into_boxed_str());
    outcome(rows(model).as_mut(), &record("topic", Some(value.as_bytes())))
}

/// Returns the class and message of a rejection, or another outcome as text.
pub(crate) fn rejection(outcome: &Outcome<'_>) -> String {
    match outcome {
        Outcome::Reject(r) => format!("{}: {}", r.class, r.message),
        other => format!("{other:?}"),
    }
}

/// Returns the known fields of a rejected record: entity, time, type and version.
pub(crate) fn known(outcome: &Outcome<'static>) -> [Option<String>; 4] {
    let Outcome::Reject(rejection) = outcome else { panic!("{outcome:?}") };
    let known = rejection.known.as_deref().cloned().unwrap_or_default();
    let text = |text: Option<std::borrow::Cow<'_, str>>| text.map(String::from);
    [
        text(known.entity_id),
        known.event_time.map(weir_model::Micros::rfc3339_millis),
        text(known.event_type),
        text(known.event_version),
    ]
}

pub(crate) fn is_event(outcome: &Outcome<'_>) -> bool {
    matches!(outcome, Outcome::Event(_))
}

pub(crate) fn chosen(row: u32, timestamp_ms: i64, partition: i32, offset: i64) -> Chosen {
    Chosen { row, at: Position { timestamp_ms, stream: 1, partition, offset } }
}

/// Returns a parameter of a statement, read back from its binary form as PostgreSQL would read it.
pub(crate) fn param<T: FromSqlOwned>(statement: &Statement<'_>, number: usize) -> Vec<T> {
    let (value, kind) = &statement.params[number - 1];
    let mut bytes = BytesMut::new();
    value.to_sql_checked(kind, &mut bytes).expect("it can be encoded");
    Vec::from_sql(kind, &bytes).expect("it can be read back")
}
