//! `CloudEvents` in Kafka's binary content mode: the attributes are headers (`ce_id`, `ce_type` …).
//!
//! Source: Kafka Protocol Binding for `CloudEvents` 1.0.2, section 3.2.

use crate::{Micros, Record};

/// The attributes that say something about an event; those that are missing are none.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct CloudEvent<'a> {
    /// `ce_id`: with the source, what identifies the event.
    pub id: Option<&'a str>,
    /// `ce_source`.
    pub source: Option<&'a str>,
    /// `ce_type`.
    pub kind: Option<&'a str>,
    /// `ce_time`.
    pub time: Option<Micros>,
}

impl<'a> CloudEvent<'a> {
    /// Reads the headers; `None` when neither an id nor a source, type or time is among them.
    pub fn of(record: &Record<'a>) -> Option<Self> {
        if record.headers.is_empty() {
            return None;
        }
        let text = |name| record.headers.text(name).filter(|t| !t.is_empty() && !t.contains('\0'));
        let event = Self {
            id: text("ce_id"),
            source: text("ce_source"),
            kind: text("ce_type"),
            time: text("ce_time").and_then(Micros::from_rfc3339),
        };
        (event != Self::default()).then_some(event)
    }

    /// What the event is about, where nobody said better: the id, or the source when it has no id.
    pub fn entity(&self) -> Option<&'a str> {
        self.id.or(self.source)
    }
}
