//! `events`: any JSON topic. The log is all it keeps; entity, time, type and version are taken where
//! the topic's JSON pointers say, else from `CloudEvents` headers, else they are null.

use std::borrow::Cow;

use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::{
    Chosen, Event, Micros, Model, Outcome, ProjectionKind, Record, Rejection, Rows, Statement, Topics, cloud_event::CloudEvent, pointer,
    sample::Sample, topics::EventFields,
};

/// The generic model.
#[derive(Debug, Default)]
pub struct Events;

impl Model for Events {
    fn name(&self) -> &'static str {
        "events"
    }

    fn kind(&self) -> ProjectionKind {
        ProjectionKind::Log
    }

    fn rows<'a>(&'a self, topics: &'a Topics) -> Box<dyn Rows<'a> + 'a> {
        Box::new(EventRows { topics })
    }

    fn clear(&self) -> Option<&'static str> {
        None
    }

    fn samples(&self, now: Micros) -> Vec<Sample> {
        let of = |kind: &str, n: i64| {
            let at = Micros(now.0 - n * 1_000_000);
            let value = serde_json::json!({"id": format!("sample-{n}"), "kind": kind, "at": at.rfc3339_millis()});
            Sample { key: Some(format!("sample-{n}")), value: value.to_string(), timestamp_ms: at.0 / 1000 }
        };
        vec![of("created", 3), of("updated", 2), of("closed", 1)]
    }
}

struct EventRows<'a> {
    topics: &'a Topics,
}

impl<'a> Rows<'a> for EventRows<'a> {
    fn decode(&mut self, record: &Record<'a>, json: &'a str) -> Outcome<'a> {
        if let Err(error) = serde_json::from_str::<IgnoredAny>(json) {
            return Rejection::json("invalid_json", &error).into();
        }
        let none = EventFields::default();
        let fields = self.topics.fields(record.topic).unwrap_or(&none);
        let pointers = [&fields.entity_id, &fields.event_time, &fields.event_type, &fields.event_version].map(Option::as_deref);
        let [entity_id, event_time, event_type, event_version] = pointer::find(json, pointers);
        let cloud = CloudEvent::of(record).unwrap_or_default();
        // A pointer that the topic gives is the topic's word: no header takes its place when it finds nothing.
        let text = |pointer: &Option<String>, found: Option<&'a RawValue>, header: Option<&'a str>| match pointer {
            Some(_) => found.and_then(pointer::scalar),
            None => header.map(Cow::Borrowed),
        };
        let time = if fields.event_time.is_some() { event_time.and_then(instant) } else { cloud.time };
        Outcome::Event(Event {
            entity_id: text(&fields.entity_id, entity_id, cloud.entity()),
            event_time: time.or_else(|| Micros::from_millis(record.timestamp_ms)),
            event_type: text(&fields.event_type, event_type, cloud.kind),
            event_version: text(&fields.event_version, event_version, None),
            row: None,
        })
    }

    fn upsert<'s>(&'s self, _: &[Chosen]) -> Vec<Statement<'s>> {
        Vec::new()
    }
}

/// RFC 3339, or epoch milliseconds as a number.
fn instant(value: &RawValue) -> Option<Micros> {
    let text = pointer::scalar(value)?;
    Micros::from_rfc3339(&text).or_else(|| Micros::from_millis(text.parse().ok()?))
}
