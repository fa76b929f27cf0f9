//! Test records, and checks of the tables.

use anyhow::Result;
use serde_json::json;
use tokio_postgres::Client;
use weir_kafka::OutgoingRecord;

const SENSORS: [&str; 4] = ["speed", "fuel", "revolution", "engine_temperature"];
/// 2025-01-01T00:00:00Z.
const BEGINNING: i64 = 1_735_689_600;

pub(crate) fn build_id(n: usize) -> String {
    format!("7d4d56cc-2630-456a-bf66-{n:012}")
}

/// Returns a build in Probo's envelope, as Probo's event handler writes it.
pub(crate) fn build(n: usize) -> OutgoingRecord {
    let at = format!("2025-06-{:02}T12:00:00.123Z", n % 28 + 1);
    let build = json!({
        "id": build_id(n),
        "projectId": "29c1071c-9b60-4447-ae92-b1ef1b067dbf",
        "requestId": "4de3bf13-60c5-45fa-9f0c-98df42e5b1b4",
        "commit": {"ref": format!("{n:040x}"), "htmlUrl": format!("https://git.example/shop/commit/{n:040x}")},
        "pullRequest": {"number": n.to_string(), "name": format!("Change {n}"), "description": "", "htmlUrl": "https://git.example/shop/pull/7"},
        "branch": {"name": "features/checkout", "htmlUrl": "https://git.example/shop/tree/features/checkout"},
        "config": {"assets": ["shop.sql"], "image": "proboci/ubuntu-14.04-lamp:php-5.6", "steps": []},
        "reaped": false, "reapedReason": 0, "reapedReasonText": "", "pinned": false,
        "submittedState": "pending", "status": "success",
        "steps": [{"id": "aaaaaaaaaa000000", "name": "Provision", "state": "success", "result": {"code": 0, "time": 1001}, "description": "[▶] shop"}],
        "diskSpace": {"realBytes": 234_567 + n, "virtualBytes": 23_456_789},
        "createdAt": at, "updatedAt": at, "active": false,
    });
    let envelope = json!({"version": 1, "data": {"topic": "build_events", "event": "ready", "data": {}, "build": build}});
    OutgoingRecord {
        topic: "build_events".into(),
        value: Some(envelope.to_string().into_bytes()),
        ..OutgoingRecord::default()
    }
}

/// Returns reading number `n`. Each number has another second or another sensor.
pub(crate) fn reading(n: usize) -> OutgoingRecord {
    let seconds = BEGINNING + i64::try_from(n / SENSORS.len()).unwrap_or_default();
    let at = jiff::Timestamp::from_second(seconds).map(|t| t.to_string()).unwrap_or_default();
    let sensor = SENSORS[n % SENSORS.len()];
    let value = format!(r#"{{"sensor":"{sensor}","value":{n}.5,"timestamp":"{at}"}}"#);
    let (key, value) = (Some(sensor.as_bytes().to_vec()), Some(value.into_bytes()));
    OutgoingRecord { topic: "readings".into(), key, value, ..OutgoingRecord::default() }
}

/// Returns reading number `n` as a line of NDJSON.
pub(crate) fn line(n: usize) -> String {
    String::from_utf8(reading(n).value.unwrap_or_default()).unwrap_or_default() + "\n"
}

/// Returns a fingerprint of both projections, without the columns that name the source record.
pub(crate) async fn projections(sql: &Client) -> Result<String> {
    let query = "SELECT concat_ws(' ',
            (SELECT count(*) FROM builds), (SELECT md5(string_agg(concat(id, bytes_real, status_build, time_updated, steps, config), ',' ORDER BY id)) FROM builds),
            (SELECT count(*) FROM readings), (SELECT md5(string_agg(concat(sensor, timestamp, value), ',' ORDER BY sensor, timestamp)) FROM readings))";
    Ok(sql.query_one(query, &[]).await?.try_get(0)?)
}

/// Returns the number of distinct logged readings, and of all of them. They differ if a reading was
/// stored twice.
pub(crate) async fn distinct_and_all_readings(sql: &Client) -> Result<(i64, i64)> {
    let query = "SELECT count(DISTINCT e.payload::text) AS distinct_readings, count(*) AS all_readings FROM events e JOIN streams s ON s.id = e.stream WHERE s.topic = 'readings'";
    let row = sql.query_one(query, &[]).await?;
    Ok((row.try_get("distinct_readings")?, row.try_get("all_readings")?))
}
