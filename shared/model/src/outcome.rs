//! The result of decoding a record.

use std::borrow::Cow;

use crate::{ErrorClass, Micros};

/// The result of decoding a record.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome<'a> {
    /// The record is an event. It is stored in the log and in the projection (Phobos: ack).
    Event(Event<'a>),
    /// The model leaves out the record on purpose. It is stored in the log with the reason, but not
    /// in the projection.
    Skip(Cow<'static, str>),
    /// The record can never be stored as an event. It is stored in `failures` with its bytes and
    /// this reason.
    Reject(Rejection),
}

/// The fields that a model reads from a record. The log stores them with the record's coordinates
/// and bytes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Event<'a> {
    /// The id of the thing that the event is about. Never contains a NUL, which PostgreSQL's text
    /// refuses.
    pub entity_id: Option<Cow<'a, str>>,
    /// The time of the event, between the years 0000 and 9999.
    pub event_time: Option<Micros>,
    /// The type of the event.
    pub event_type: Option<Cow<'a, str>>,
    /// The version of the event's format.
    pub event_version: Option<Cow<'a, str>>,
    /// Findings about parts that are wrong, see [`Problems`](crate::Problems). `None` when there
    /// are no findings.
    pub problems: Option<Box<str>>,
    /// Index of the typed row that the model kept for its projection, if it has one.
    pub row: Option<u32>,
}

impl Event<'_> {
    /// Returns a copy that borrows nothing from the record and has no row.
    pub fn into_owned(self) -> Event<'static> {
        let owned = |text: Option<Cow<'_, str>>| text.map(|text| Cow::Owned(text.into_owned()));
        Event {
            entity_id: owned(self.entity_id),
            event_time: self.event_time,
            event_type: owned(self.event_type),
            event_version: owned(self.event_version),
            problems: self.problems,
            row: None,
        }
    }
}

/// The reason why a record is not an event.
#[derive(Debug, Clone, PartialEq)]
pub struct Rejection {
    /// A short name of the kind of error, for grouping: `invalid_json`, `invalid_reading` …
    pub class: &'static str,
    /// One line for a person, with the field and the expected value. Contains no more of the value
    /// than [`excerpt`] allows.
    pub message: String,
    /// The fields that could be read from the record, so that the failure can be found by them.
    pub known: Option<Box<Event<'static>>>,
}

impl Rejection {
    /// Returns a rejection of the given class.
    pub fn new(class: impl Into<&'static str>, message: impl Into<String>) -> Self {
        // PostgreSQL's text refuses NUL, and the message may quote parts of a value.
        let message = message.into().replace('\0', "\u{FFFD}");
        Self { class: class.into(), message, known: None }
    }

    /// Returns a rejection for fields that are too long for an index, see
    /// [`index_entry`](crate::index_entry).
    pub fn too_long(fields: &str, bytes: usize) -> Self {
        Self::new(
            ErrorClass::TooLong,
            format!(
                "{fields} {bytes} bytes, but an index entry can have at most {}",
                crate::index_entry::BYTES_MAX
            ),
        )
    }

    /// Adds the fields that could be read from the record.
    #[must_use]
    pub fn with_known(mut self, known: Event<'_>) -> Self {
        self.known = Some(Box::new(known.into_owned()));
        self
    }

    /// Returns a rejection for a value that is not JSON, or that does not have the members that the
    /// model reads.
    pub fn json(class: impl Into<&'static str>, error: &serde_json::Error) -> Self {
        Self::new(class, shortened(error).to_string())
    }
}

impl From<Rejection> for Outcome<'_> {
    fn from(rejection: Rejection) -> Self {
        Self::Reject(rejection)
    }
}

/// Returns at most the first 60 characters of a text, quoted, for error messages.
pub fn excerpt(text: &str) -> String {
    let mut chars = text.chars();
    let head: String = chars.by_ref().take(60).collect();
    if chars.next().is_some() { format!("{head:?}…") } else { format!("{head:?}") }
}

/// Returns the same error with a message of bounded length. For a wrong type, `serde_json` quotes
/// the whole value, which may be megabytes long or a secret.
pub(crate) fn shortened(error: &serde_json::Error) -> serde_json::Error {
    let whole = error.to_string();
    let place = match error.line() {
        0 => String::new(),
        line => format!(" at line {line} column {}", error.column()),
    };
    let message = whole.strip_suffix(&place).unwrap_or(&whole);
    let mut chars = message.chars();
    let head: String = chars.by_ref().take(120).collect();
    let more = if chars.next().is_some() { "…" } else { "" };
    // serde_json parses the position from the end of the text again.
    serde::de::Error::custom(format_args!("{head}{more}{place}"))
}
