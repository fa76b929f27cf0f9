//! Composes CDEvents of version 0.5.1, for the converters and for the sample data.

use serde_json::{Value, json};

use super::cid;

/// The version of the specification of composed events.
const SPECVERSION: &str = "0.5.1";

/// The parts of an event that is not composed yet.
#[derive(Debug, Clone)]
pub(super) struct Draft<'a> {
    /// Subject and predicate: `service.deployed`.
    pub(super) what: &'a str,
    /// `context.source`.
    pub(super) source: &'a str,
    /// RFC 3339. With `None`, the event takes the time of its record.
    pub(super) timestamp: Option<&'a str>,
    /// `subject.id`.
    pub(super) subject_id: &'a str,
    /// `subject.content`. Members that are null are left out.
    pub(super) content: Value,
}

impl Draft<'_> {
    /// Returns the event. Its id is the CID of its content, so that the same message makes the same
    /// event.
    pub(super) fn event(self) -> Value {
        let mut event = self.without_id();
        if let Some(id) = cid::of(&event.to_string()) {
            event["context"]["id"] = id.into();
        }
        event
    }

    /// Returns the event without an id.
    pub(super) fn without_id(self) -> Value {
        let Self { what, source, timestamp, subject_id, mut content } = self;
        strip_nulls(&mut content);
        let mut context = json!({"specversion": SPECVERSION, "source": source, "type": format!("dev.cdevents.{what}.{}", version(what))});
        if let Some(timestamp) = timestamp {
            context["timestamp"] = timestamp.into();
        }
        json!({"context": context, "subject": {"id": subject_id, "source": source, "content": content}})
    }
}

/// Returns the version of a type in CDEvents 0.5.1.
fn version(what: &str) -> &'static str {
    match what {
        "change.created" => "0.4.0",
        "artifact.deleted"
        | "artifact.downloaded"
        | "testcaserun.skipped"
        | "ticket.created"
        | "ticket.updated"
        | "ticket.closed" => "0.2.0",
        _ => "0.3.0",
    }
}

fn strip_nulls(value: &mut Value) {
    if let Value::Object(members) = value {
        members.retain(|_, member| !member.is_null());
        members.values_mut().for_each(strip_nulls);
    }
}
