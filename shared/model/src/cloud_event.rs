//! `CloudEvents` in Kafka's binary content mode: the attributes are headers (`ce_id`, `ce_type` …).
//!
//! Source: Kafka Protocol Binding for `CloudEvents` 1.0.2, section 3.2.

use crate::{Event, Micros, Record, outcome::excerpt, time::ReadInstant};

/// The attributes that say something about an event; those that are missing are none.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct CloudEvent<'a> {
    /// `ce_id`: with the source, what identifies the event.
    pub id: Option<&'a str>,
    /// `ce_source`.
    pub source: Option<&'a str>,
    /// `ce_type`.
    pub kind: Option<&'a str>,
    /// `ce_time`, as it came.
    pub time: Option<&'a str>,
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
            time: text("ce_time"),
        };
        (event != Self::default()).then_some(event)
    }

    /// When it happened; else, where the header cannot be read, what to say of it.
    pub fn instant(&self) -> Result<Option<ReadInstant>, String> {
        let Some(text) = self.time else { return Ok(None) };
        Micros::read(text).map(Some).ok_or_else(|| format!("ce_time {} is no time", excerpt(text)))
    }

    /// What the headers say of a record that nothing else is known of.
    pub fn event(&self) -> Event<'a> {
        Event {
            entity_id: self.entity().map(Into::into),
            event_time: self.instant().ok().flatten().map(|read| read.at),
            event_type: self.kind.map(Into::into),
            ..Event::default()
        }
    }

    /// What the event is about, where nobody said better: the id, or the source when it has no id.
    pub fn entity(&self) -> Option<&'a str> {
        self.id.or(self.source)
    }
}
