//! `CloudEvents` in Kafka's binary content mode: the attributes are headers (`ce_id`, `ce_type` …).
//!
//! Source: Kafka Protocol Binding for `CloudEvents` 1.0.2, section 3.2.

use crate::{Event, Micros, Record, outcome::excerpt, time::ReadInstant};

/// The attributes of an event that Weir uses. A missing attribute is `None`.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct CloudEvent<'a> {
    /// `ce_id`. The id and the source together identify the event.
    pub id: Option<&'a str>,
    /// `ce_source`: the origin of the event.
    pub source: Option<&'a str>,
    /// `ce_type`: the type of the event.
    pub kind: Option<&'a str>,
    /// `ce_time`, as the header spells it.
    pub time: Option<&'a str>,
}

impl<'a> CloudEvent<'a> {
    /// Reads the headers. Returns `None` when the record has no id, source, type or time header.
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

    /// Returns the event's time. Returns the text of a finding when the header cannot be read.
    pub fn instant(&self) -> Result<Option<ReadInstant>, String> {
        let Some(text) = self.time else { return Ok(None) };
        Micros::read(text)
            .map(Some)
            .ok_or_else(|| format!("ce_time {} is not a time", excerpt(text)))
    }

    /// Returns an event made from the headers alone, for a record whose value gives nothing.
    pub fn event(&self) -> Event<'a> {
        Event {
            entity_id: self.entity().map(Into::into),
            event_time: self.instant().ok().flatten().map(|read| read.at),
            event_type: self.kind.map(Into::into),
            ..Event::default()
        }
    }

    /// Returns the event's default entity: the id, or the source when the event has no id.
    pub fn entity(&self) -> Option<&'a str> {
        self.id.or(self.source)
    }
}
