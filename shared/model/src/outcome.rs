//! What decoding makes of a record.

use std::borrow::Cow;

use crate::Micros;

/// What became of a record.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome<'a> {
    /// It is an event: logged and projected (Phobos: ack).
    Event(Event<'a>),
    /// It is none for this model, and that is no fault: logged with the reason, not projected.
    Skip(Cow<'static, str>),
    /// It can never be stored as an event: it goes to `failures` with its bytes and this reason.
    Reject(Rejection),
}

/// What a model says about an event; the record's coordinates and bytes are kept beside it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Event<'a> {
    /// Which thing the event is about. Never holds a NUL, which PostgreSQL's text refuses.
    pub entity_id: Option<Cow<'a, str>>,
    /// When it happened. Between the years 0000 and 9999.
    pub event_time: Option<Micros>,
    /// What happened.
    pub event_type: Option<Cow<'a, str>>,
    /// The version of the event's shape.
    pub event_version: Option<Cow<'a, str>>,
    /// What is not as it should be with it, see [`Problems`](crate::Problems); none when nothing
    /// is.
    pub problems: Option<Box<str>>,
    /// Index of the typed row that the model kept for its projection, if it has one.
    pub row: Option<u32>,
}

impl Event<'_> {
    /// The same without a loan from the record, and without a row.
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

/// Why a record is no event.
#[derive(Debug, Clone, PartialEq)]
pub struct Rejection {
    /// A short name of the kind of fault, for grouping: `invalid_json`, `invalid_reading` …
    pub class: &'static str,
    /// One line for a person, with the field and what was expected. Holds no more of the value than
    /// [`excerpt`] lets through.
    pub message: String,
    /// What could be read of it all the same, so that the failure can be found by it.
    pub known: Option<Box<Event<'static>>>,
}

/// The class of the rejection of what a column or an index cannot hold.
pub const TOO_LONG: &str = "too_long";

impl Rejection {
    /// A rejection of the given class.
    pub fn new(class: &'static str, message: impl Into<String>) -> Self {
        // PostgreSQL's text refuses NUL, and parts of a value may be quoted in the message.
        let message = message.into().replace('\0', "\u{FFFD}");
        Self { class, message, known: None }
    }

    /// The fields together are longer than an index takes, see [`index_entry`](crate::index_entry).
    pub fn too_long(fields: &str, bytes: usize) -> Self {
        Self::new(
            TOO_LONG,
            format!(
                "{fields} {bytes} bytes: an index takes {} in one entry",
                crate::index_entry::BYTES_MAX
            ),
        )
    }

    /// With what could be read of the record.
    #[must_use]
    pub fn with_known(mut self, known: Event<'_>) -> Self {
        self.known = Some(Box::new(known.into_owned()));
        self
    }

    /// The value is not JSON, or not of the shape that the model reads.
    pub fn json(class: &'static str, error: &serde_json::Error) -> Self {
        Self::new(class, shortened(error).to_string())
    }
}

impl From<Rejection> for Outcome<'_> {
    fn from(rejection: Rejection) -> Self {
        Self::Reject(rejection)
    }
}

/// At most the first 60 characters of a text, quoted, for error messages.
pub fn excerpt(text: &str) -> String {
    let mut chars = text.chars();
    let head: String = chars.by_ref().take(60).collect();
    if chars.next().is_some() { format!("{head:?}…") } else { format!("{head:?}") }
}

/// The same fault with a message of bounded length: of a wrong type `serde_json` quotes the whole
/// value, which may be megabytes, or a secret.
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
    // serde_json takes the place out of the text again.
    serde::de::Error::custom(format_args!("{head}{more}{place}"))
}
