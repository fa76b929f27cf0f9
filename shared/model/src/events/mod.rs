//! `events`: the generic model for any JSON topic. It has no table except the log.
//!
//! Entity, time, type and version come from the topic's JSON pointers. Without a pointer they come
//! from `CloudEvents` headers, otherwise they are null.

use std::borrow::Cow;

use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::{
    Chosen, ErrorClass, Event, Micros, Model, Outcome, Problems, ProjectionKind, Record, Rejection,
    Rows, Statement, Topics, cloud_event::CloudEvent, outcome::excerpt, pointer, sample::Sample,
    topics::EventFields,
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
            Sample {
                key: Some(format!("sample-{n}")),
                value: value.to_string(),
                timestamp_ms: at.0 / 1000,
            }
        };
        vec![of("created", 3), of("updated", 2), of("closed", 1)]
    }
}

struct EventRows<'a> {
    topics: &'a Topics,
}

impl<'a> Rows<'a> for EventRows<'a> {
    fn decode(&mut self, record: &Record<'a>, json: &'a str) -> Outcome<'a> {
        let none = EventFields::default();
        let fields = self.topics.fields(record.topic).unwrap_or(&none);
        let pointers =
            [&fields.entity_id, &fields.event_time, &fields.event_type, &fields.event_version]
                .map(Option::as_deref);
        if let Err(error) = serde_json::from_str::<IgnoredAny>(json) {
            let known = event(record, fields, pointer::find_before_fault(json, pointers));
            return Rejection::json(ErrorClass::InvalidJson, &error).with_known(known).into();
        }
        Outcome::Event(event(record, fields, pointer::find(json, pointers)))
    }

    fn upsert<'s>(&'s self, _: &[Chosen]) -> Vec<Statement<'s>> {
        Vec::new()
    }
}

/// Makes the event from the values at the topic's pointers. A field without a pointer comes from
/// the headers.
fn event<'a>(
    record: &Record<'a>,
    fields: &EventFields,
    found: [Option<&'a RawValue>; 4],
) -> Event<'a> {
    let [entity_id, event_time, event_type, event_version] =
        found.map(|raw| raw.filter(|raw| raw.get() != "null"));
    let cloud = CloudEvent::of(record).unwrap_or_default();
    let mut problems = Problems::default();
    // A configured pointer wins over the headers, even when it finds no value.
    let mut text = |name: &str,
                    pointer: &Option<String>,
                    found: Option<&'a RawValue>,
                    header: Option<&'a str>| {
        let Some(pointer) = pointer else { return header.map(Cow::Borrowed) };
        let text = found.and_then(pointer::scalar);
        if let (Some(raw), None) = (found, &text) {
            problems.add(format_args!("{name} at {pointer} is not a text: {}", excerpt(raw.get())));
        }
        text
    };
    let entity_id = text("entity_id", &fields.entity_id, entity_id, cloud.entity());
    let event_type = text("event_type", &fields.event_type, event_type, cloud.kind);
    let event_version = text("event_version", &fields.event_version, event_version, None);
    let instant = match (&fields.event_time, event_time) {
        (Some(pointer), Some(raw)) => {
            let text = pointer::scalar(raw);
            let read = text.as_deref().and_then(Micros::read);
            read.map(Some).ok_or_else(|| {
                format!(
                    "event_time at {pointer} is not a time: {}",
                    excerpt(text.as_deref().unwrap_or(raw.get()))
                )
            })
        }
        (Some(_), None) => Ok(None),
        (None, _) => cloud.instant(),
    };
    let event_time = match instant {
        Ok(Some(read)) => {
            problems.zone("event_time", read);
            Some(read.at)
        }
        Ok(None) => record.timestamp(),
        Err(problem) => {
            problems.add(format_args!("{problem}, the record's timestamp is used"));
            record.timestamp()
        }
    };
    Event { entity_id, event_time, event_type, event_version, problems: problems.done(), row: None }
}
