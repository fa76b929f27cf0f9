//! Stores failures: records that could not be stored as events, with their bytes and the reason.

use tokio_postgres::types::Type;
use weir_model::{Event, Record, SchemaFormat, ValueSchema};

use crate::{
    StoreError, Tx, headers,
    tx::{TypedParam, column},
};

/// A record and the reason why it is stored in `failures`.
pub(crate) struct Refusal<'r> {
    pub record: &'r Record<'r>,
    pub stream: i32,
    /// The model that could not take the record.
    pub model: &'static str,
    /// The result of decoding, if the record was decoded.
    pub event: Option<&'r Event<'r>>,
    pub class: String,
    pub message: String,
    /// The causes, one per line.
    pub chain: String,
    /// The cause of a refusal by the database or a plugin: [`StoreError::refused_by`].
    pub refused_by: Option<String>,
}

/// Inserts failures and returns their number. The database accepts all these rows: texts contain no
/// NUL, and times are in range.
pub(crate) async fn insert<'r>(
    tx: &Tx,
    refusals: impl IntoIterator<Item = Refusal<'r>>,
) -> Result<u64, StoreError> {
    let all: Vec<Refusal<'_>> = refusals.into_iter().collect();
    if all.is_empty() {
        return Ok(0);
    }
    let checksums: Vec<[u8; 16]> = all.iter().map(|r| r.record.checksum.to_be_bytes()).collect();
    let checksums: Vec<&[u8]> = checksums.iter().map(<[u8; 16]>::as_slice).collect();
    let headers: Vec<Option<String>> =
        all.iter().map(|r| headers::to_json(&r.record.headers)).collect();
    let schemas: Vec<Option<String>> = all.iter().map(|r| schema(r.record)).collect();
    let params: [TypedParam<'_>; 17] = [
        (&column(&all, |r| r.stream), Type::INT4_ARRAY),
        (&column(&all, |r| r.record.partition), Type::INT4_ARRAY),
        (&column(&all, |r| r.record.offset), Type::INT8_ARRAY),
        (&column(&all, |r| r.record.timestamp_ms), Type::INT8_ARRAY),
        (&column(&all, |r| r.event.and_then(|e| e.event_time)), Type::TIMESTAMPTZ_ARRAY),
        (&checksums, Type::BYTEA_ARRAY),
        (&column(&all, |r| text(&r.class)), Type::TEXT_ARRAY),
        (&column(&all, |r| text(&r.message)), Type::TEXT_ARRAY),
        (&column(&all, |r| text(&r.chain)), Type::TEXT_ARRAY),
        (&column(&all, |r| r.event.and_then(|e| e.entity_id.as_deref())), Type::TEXT_ARRAY),
        (&column(&all, |r| r.event.and_then(|e| e.event_type.as_deref())), Type::TEXT_ARRAY),
        (&column(&all, |r| r.event.and_then(|e| e.event_version.as_deref())), Type::TEXT_ARRAY),
        (&column(&all, |r| r.record.key), Type::BYTEA_ARRAY),
        (&headers, Type::TEXT_ARRAY),
        (&column(&all, |r| r.record.value), Type::BYTEA_ARRAY),
        (&schemas, Type::TEXT_ARRAY),
        (&column(&all, |r| r.model), Type::TEXT_ARRAY),
    ];
    Ok(tx.execute(include_str!("../sql/insert_failures.sql"), &params).await?)
}

/// Adds one more attempt to an existing failure, with the model and the reason of the attempt, and
/// the fields that are known now.
pub(crate) async fn add_attempt(tx: &Tx, refusal: &Refusal<'_>) -> Result<u64, StoreError> {
    let params: [TypedParam<'_>; 11] = [
        (&refusal.stream, Type::INT4),
        (&refusal.record.partition, Type::INT4),
        (&refusal.record.offset, Type::INT8),
        (&text(&refusal.class), Type::TEXT),
        (&text(&refusal.message), Type::TEXT),
        (&text(&refusal.chain), Type::TEXT),
        (&refusal.event.and_then(|e| e.event_time), Type::TIMESTAMPTZ),
        (&refusal.event.and_then(|e| e.entity_id.as_deref()), Type::TEXT),
        (&refusal.event.and_then(|e| e.event_type.as_deref()), Type::TEXT),
        (&refusal.event.and_then(|e| e.event_version.as_deref()), Type::TEXT),
        (&refusal.model, Type::TEXT),
    ];
    Ok(tx.execute(include_str!("../sql/refuse_failure.sql"), &params).await?)
}

fn text(text: &str) -> String {
    text.replace('\0', "\u{FFFD}")
}

fn schema(record: &Record<'_>) -> Option<String> {
    let schema = record.schema?;
    let format = match schema.format {
        Some(SchemaFormat::Json) => "JSON",
        Some(SchemaFormat::Avro) => "AVRO",
        Some(SchemaFormat::Protobuf) => "PROTOBUF",
        None => "unknown",
    };
    Some(format!("{format} {}", schema.id.replace('\0', "\u{FFFD}")))
}

/// Parses the output of [`schema`].
pub(crate) fn read_schema(text: &str) -> ValueSchema {
    let (format, id) = text.split_once(' ').unwrap_or((text, ""));
    let format = match format {
        "JSON" => Some(SchemaFormat::Json),
        "AVRO" => Some(SchemaFormat::Avro),
        "PROTOBUF" => Some(SchemaFormat::Protobuf),
        _ => None,
    };
    ValueSchema { format, id: id.to_owned() }
}
