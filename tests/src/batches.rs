//! Records for the tests.

use serde_json::json;
use weir_testkit::{Field, KafkaEvent, Record};

use crate::reading;

/// Returns a record with these coordinates.
pub fn record(topic: &str, partition: i32, offset: i64, value: impl Into<Field>) -> Record {
    Record { topic: topic.into(), partition, offset, value: value.into(), ..Record::default() }
}

/// Returns orders `{"n":offset}` of partition 0.
pub fn orders(offsets: impl IntoIterator<Item = i64>) -> Vec<Record> {
    offsets
        .into_iter()
        .map(|offset| record("orders", 0, offset, format!(r#"{{"n":{offset}}}"#)))
        .collect()
}

/// Returns readings of partition 0, one per second. Their value is their offset.
#[expect(clippy::cast_precision_loss, reason = "offsets of stories are small")]
pub fn readings(offsets: impl IntoIterator<Item = i64>) -> Vec<Record> {
    let at = |offset: i64| {
        format!("2026-01-01T{:02}:{:02}:{:02}Z", offset / 3600 % 24, offset / 60 % 60, offset % 60)
    };
    offsets
        .into_iter()
        .map(|offset| record("readings", 0, offset, reading("speed", offset as f64, &at(offset))))
        .collect()
}

/// Returns the id of build number `n`.
pub fn build_id(n: u32) -> String {
    format!("00000000-0000-4000-8000-{n:012}")
}

/// Returns the value of an event about a build.
pub fn build(n: u32, status: &str, updated_at: &str, reaped: bool) -> String {
    let build = json!({"id": build_id(n), "projectId": build_id(0), "status": status, "reaped": reaped, "createdAt": "2026-01-01T00:00:00Z", "updatedAt": updated_at});
    json!({"version": 1, "data": {"topic": "build_events", "event": "updated", "data": {}, "build": build}}).to_string()
}

/// Returns builds of partition 0, one for each offset.
pub fn builds(offsets: impl IntoIterator<Item = u32>) -> Vec<Record> {
    offsets
        .into_iter()
        .map(|n| {
            record("build_events", 0, n.into(), build(n, "ready", "2026-01-02T00:00:00Z", false))
        })
        .collect()
}

/// Returns the Lambda event with these records.
pub fn event(records: impl IntoIterator<Item = Record>) -> KafkaEvent {
    KafkaEvent::new(records)
}
