//! Batches of readings in Lambda's form. 10,000 readings make an event of 5.75 MB.

use std::{
    fmt::Write,
    sync::LazyLock,
    time::{Duration, SystemTime},
};

/// The number of sensors, which alternate.
const SENSORS: i64 = 100;

/// The second of the first reading: yesterday. The database has a table for the months near the
/// present, in which users' readings are.
#[expect(clippy::disallowed_methods, reason = "readings are as new as those of users")]
static BEGIN: LazyLock<i64> = LazyLock::new(|| {
    let yesterday = SystemTime::now() - Duration::from_hours(24);
    let since = yesterday.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or_default()
});

/// The start of a batch. No two batches share a row.
#[derive(Clone, Copy)]
pub(crate) struct Start {
    pub partition: i32,
    pub offset: i64,
    /// The number of the first reading, which decides the instants. It may be negative.
    pub reading: i64,
}

pub(crate) struct Reading {
    pub sensor: String,
    /// Microseconds since 1970.
    pub micros: i64,
    pub value: f64,
    pub offset: i64,
    pub json: String,
}

/// Returns the number of the first reading of a second.
pub(crate) fn reading_at(seconds: i64) -> i64 {
    (seconds - *BEGIN) * SENSORS
}

/// Returns the readings from `start.reading` on. The sensors alternate, and each instant occurs
/// once per sensor.
pub(crate) fn readings(start: Start, count: i64) -> Vec<Reading> {
    let of = |n: i64| {
        let number = start.reading + n;
        let sensor = format!("sensor_{:03}", (number * 37).rem_euclid(SENSORS));
        let micros = (*BEGIN + number.div_euclid(SENSORS)) * 1_000_000;
        #[expect(clippy::cast_precision_loss, reason = "made-up values")]
        let value = (number * 7919).rem_euclid(100_000) as f64 / 100.0;
        let timestamp = weir_model::Micros(micros).rfc3339_millis();
        let filler = "the quick brown fox jumps over the lazy dog ".repeat(4);
        let json = format!(
            r#"{{"sensor":"{sensor}","value":{value},"timestamp":"{timestamp}","boat":{{"id":"b-{:06}","name":"Aurora","lat":41.384,"lon":2.176}},"note":"{filler}"}}"#,
            number.rem_euclid(1_000_000)
        );
        Reading { sensor, micros, value, offset: start.offset + n, json }
    };
    (0..count).map(of).collect()
}

/// Returns the event JSON of a batch.
pub(crate) fn event(start: Start, readings: &[Reading]) -> Vec<u8> {
    let mut json = format!(
        r#"{{"eventSource":"aws:kafka","eventSourceArn":"arn:aws:kafka:eu-west-1:1:cluster/c/1","bootstrapServers":"b-1:9092","records":{{"readings-{}":["#,
        start.partition
    );
    for (n, reading) in readings.iter().enumerate() {
        let comma = if n == 0 { "" } else { "," };
        let (key, value) = (
            base64_simd::STANDARD.encode_to_string(&reading.sensor),
            base64_simd::STANDARD.encode_to_string(&reading.json),
        );
        let _ = write!(
            json,
            r#"{comma}{{"topic":"readings","partition":{},"offset":{},"timestamp":{},"timestampType":"CREATE_TIME","key":"{key}","value":"{value}","headers":[]}}"#,
            start.partition,
            reading.offset,
            reading.micros / 1000
        );
    }
    json.push_str("]}}");
    json.into_bytes()
}
