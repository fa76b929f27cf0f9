//! `readings`: the value of a sensor at an instant (replaces cloud-lada's persistor).

mod list;

use std::{borrow::Cow, collections::BTreeSet};

use postgres_types::Type;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    Chosen, Copy, DayNumber, ErrorClass, Event, Micros, Model, Outcome, Position, Problems,
    ProjectionKind, Record, Rejection, Rows, Statement, Topics,
    columns::{bind_positions, column, newest_by_key},
    copy_rows::CopyRows,
    listing::Listing,
    outcome::excerpt,
    pointer,
    sample::Sample,
    time::GO_ZERO,
};

/// The type of the model's events.
const TYPE: &str = "reading";

/// The model `readings`.
#[derive(Debug, Default)]
pub struct Readings;

impl Model for Readings {
    fn name(&self) -> &'static str {
        "readings"
    }

    fn kind(&self) -> ProjectionKind {
        ProjectionKind::Series
    }

    fn rows<'a>(&'a self, _: &'a Topics) -> Box<dyn Rows<'a> + 'a> {
        Box::new(ReadingRows(Vec::new()))
    }

    fn clear(&self) -> Option<&'static str> {
        Some("-- clear_readings\nDELETE FROM readings")
    }

    fn tables(&self) -> &'static [&'static str] {
        &["readings"]
    }

    fn default_topic(&self) -> Option<&'static str> {
        Some("readings")
    }

    fn listing(&self) -> Option<Listing> {
        Some(list::LISTING)
    }

    fn samples(&self, now: Micros) -> Vec<Sample> {
        // A boat left the harbour an hour ago. Each sensor has one reading a minute.
        let sensors: [(&str, f64, f64); 6] = [
            ("speed", 12.0, 6.0),
            ("fuel", 55.0, -5.0),
            ("revolution", 1800.0, 400.0),
            ("engine_temperature", 60.0, 30.0),
            ("location_latitude", 41.384, 0.05),
            ("location_longitude", 2.176, 0.08),
        ];
        let minutes = (0..60_i32).flat_map(|minute| sensors.iter().map(move |s| (minute, s)));
        let sample = |(minute, (sensor, base, range)): (i32, &(&str, f64, f64))| {
            let at = Micros(now.0 - i64::from(60 - minute) * 60_000_000);
            let value =
                ((base + range * (f64::from(minute) / 30.0).sin()) * 1000.0).round() / 1000.0;
            let value = serde_json::json!({"sensor": sensor, "value": value, "timestamp": at.rfc3339_millis()});
            Sample {
                key: Some((*sensor).to_owned()),
                value: value.to_string(),
                timestamp_ms: at.0 / 1000,
            }
        };
        minutes.map(sample).collect()
    }
}

/// A reading in JSON. Unknown members are ignored.
#[derive(Deserialize)]
struct ReadingJson<'a> {
    #[serde(borrow)]
    sensor: Cow<'a, str>,
    /// Raw text, because `serde_json`'s own parser of floats may be wrong in the last bit.
    #[serde(borrow)]
    value: &'a RawValue,
    #[serde(borrow)]
    timestamp: &'a RawValue,
}

struct Reading<'a> {
    sensor: Cow<'a, str>,
    timestamp: Micros,
    value: f64,
}

struct ReadingRows<'a>(Vec<Reading<'a>>);

impl ReadingRows<'_> {
    fn newest(&self, chosen: &[Chosen]) -> Vec<(&Reading<'_>, Position)> {
        let key = |a: &Reading<'_>, b: &Reading<'_>| {
            a.sensor.cmp(&b.sensor).then(a.timestamp.cmp(&b.timestamp))
        };
        newest_by_key(&self.0, chosen, key, |_, _| std::cmp::Ordering::Equal)
    }
}

impl<'a> Rows<'a> for ReadingRows<'a> {
    fn decode(&mut self, _: &Record<'a>, json: &'a str) -> Outcome<'a> {
        let invalid = |message| {
            Rejection::new(ErrorClass::InvalidReading, message).with_known(known(json)).into()
        };
        if !json.trim_ascii_start().starts_with('{') {
            // serde would also accept the list `["speed", 1, "…"]` for the struct.
            return invalid("a reading must be an object".to_owned());
        }
        let reading: ReadingJson<'_> = match serde_json::from_str(json) {
            Ok(reading) => reading,
            Err(error) => {
                return Rejection::json(ErrorClass::InvalidReading, &error)
                    .with_known(known(json))
                    .into();
            }
        };
        if !is_sensor(&reading.sensor) {
            return invalid(format!(
                "sensor {} does not match [a-z][a-z0-9_]{{0,62}}",
                excerpt(&reading.sensor)
            ));
        }
        let Some(value) = finite(reading.value) else {
            return invalid(format!(
                "value {} is not a finite number",
                excerpt(reading.value.get())
            ));
        };
        let Some(read) = scalar_text(reading.timestamp).and_then(|text| Micros::read(&text)) else {
            return invalid(format!(
                "timestamp {} is not a time",
                excerpt(reading.timestamp.get())
            ));
        };
        let timestamp = read.at;
        // The text "1970-01-01" may be on purpose; the number 0 is a time that the sender did not
        // set.
        let is_zero = timestamp.0 == 0
            && scalar_text(reading.timestamp).is_some_and(|text| text.parse::<f64>().is_ok());
        if timestamp == GO_ZERO || is_zero {
            return invalid("timestamp is zero".to_owned());
        }
        let mut problems = Problems::default();
        problems.zone("timestamp", read);
        let row = u32::try_from(self.0.len()).ok();
        let event = Event {
            entity_id: Some(reading.sensor.clone()),
            event_time: Some(timestamp),
            event_type: Some(TYPE.into()),
            event_version: None,
            problems: problems.done(),
            row,
        };
        self.0.push(Reading { sensor: reading.sensor, timestamp, value });
        Outcome::Event(event)
    }

    fn upsert<'s>(&'s self, chosen: &[Chosen]) -> Vec<Statement<'s>> {
        let picked = self.newest(chosen);
        if picked.is_empty() {
            return Vec::new();
        }
        let statement = Statement::new(include_str!("upsert.sql"), picked.len())
            .bind(column(&picked, |r| r.sensor.as_ref()), Type::TEXT_ARRAY)
            .bind(column(&picked, |r| r.timestamp), Type::TIMESTAMPTZ_ARRAY)
            .bind(column(&picked, |r| r.value), Type::FLOAT8_ARRAY);
        vec![bind_positions(statement, &picked)]
    }

    fn copy_new(&self, chosen: &[Chosen]) -> Vec<Copy> {
        const COLUMNS: i16 = 7;
        let picked = self.newest(chosen);
        let mut rows = CopyRows::new(picked.len() * 96 + 64);
        for (reading, at) in picked {
            rows.row(COLUMNS);
            rows.bytes(Some(reading.sensor.as_bytes()));
            rows.instant(Some(reading.timestamp));
            rows.float8(reading.value);
            rows.int8(at.timestamp_ms);
            rows.int4(at.stream);
            rows.int4(at.partition);
            rows.int8(at.offset);
        }
        rows.end();
        vec![Copy { sql: include_str!("copy.sql"), data: rows.take() }]
    }

    fn days(&self, chosen: &[Chosen]) -> Vec<DayNumber> {
        let days: BTreeSet<DayNumber> = chosen
            .iter()
            .filter_map(|c| self.0.get(c.row as usize))
            .map(|r| r.timestamp.day())
            .collect();
        days.into_iter().collect()
    }
}

/// Returns the double nearest to a JSON number, or to a text that holds one.
fn finite(value: &RawValue) -> Option<f64> {
    let text = scalar_text(value)?;
    let text = text.trim_ascii();
    let number = text.starts_with(|c: char| c == '-' || c.is_ascii_digit());
    text.parse().ok().filter(|v: &f64| number && v.is_finite())
}

/// Like [`pointer::scalar`], but without a parser for a text without escapes.
fn scalar_text(value: &RawValue) -> Option<Cow<'_, str>> {
    match value.get().strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(text) if !text.contains('\\') => Some(Cow::Borrowed(text)),
        _ => pointer::scalar(value),
    }
}

/// Returns the fields that can be read from a value that is not a valid reading.
fn known(json: &str) -> Event<'_> {
    let [sensor, timestamp] =
        pointer::find_before_fault(json, [Some("/sensor"), Some("/timestamp")]);
    Event {
        entity_id: sensor.and_then(pointer::scalar),
        event_time: timestamp
            .and_then(pointer::scalar)
            .and_then(|text| Micros::read(&text))
            .map(|read| read.at),
        event_type: Some(TYPE.into()),
        ..Event::default()
    }
}

/// Returns whether `name` is a sensor's name: `[a-z][a-z0-9_]{0,62}`.
pub fn is_sensor(name: &str) -> bool {
    let mut bytes = name.bytes();
    name.len() <= 63
        && bytes.next().is_some_and(|b| b.is_ascii_lowercase())
        && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}
