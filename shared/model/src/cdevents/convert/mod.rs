//! Converters of other tools' messages to CDEvents. They are pure functions: the same message
//! always makes the same events.

mod ecr;
mod github;
mod gitlab;
mod outcome;
mod time;

use std::str::FromStr;

use serde_json::{Value, json};

use super::compose::Draft;
use crate::outcome::{excerpt, shortened};

/// A converter. A source selects it by name: `convert = "github"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Converter {
    /// Amazon ECR's image actions, as `EventBridge` delivers them.
    Ecr,
    /// GitHub's webhooks.
    Github,
    /// GitLab's webhooks.
    Gitlab,
}

/// All converters by name.
pub const CONVERTERS: [(&str, Converter); 3] =
    [("ecr", Converter::Ecr), ("github", Converter::Github), ("gitlab", Converter::Gitlab)];

/// A message as it was delivered.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// The type of the message, from the header [`Converter::event_header`]. `None` for tools that
    /// put the type into the body.
    pub event: Option<&'a str>,
    /// The body, JSON.
    pub body: &'a str,
}

/// The reason why a message cannot be converted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConvertError(String);

impl ConvertError {
    fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl Converter {
    /// Returns the name, in lower case, of the header that holds the type of a message.
    pub fn event_header(self) -> Option<&'static str> {
        match self {
            Self::Github => Some("x-github-event"),
            Self::Ecr | Self::Gitlab => None,
        }
    }

    /// Returns the events that a message makes. The list is empty when CDEvents have no event type
    /// for it.
    pub fn convert(self, message: Message<'_>) -> Result<Vec<Value>, ConvertError> {
        let body: Value = serde_json::from_str(message.body).map_err(|e| {
            ConvertError::new(format!("the message is not JSON: {}", shortened(&e)))
        })?;
        if !body.is_object() {
            return Err(ConvertError::new("the message is not a JSON object"));
        }
        match self {
            Self::Ecr => ecr::convert(&body),
            Self::Github => github::convert(message.event, &body),
            Self::Gitlab => gitlab::convert(&body),
        }
    }
}

impl FromStr for Converter {
    type Err = ConvertError;

    fn from_str(name: &str) -> Result<Self, ConvertError> {
        let known = || CONVERTERS.map(|(name, _)| name).join(", ");
        let found = CONVERTERS.iter().find(|(n, _)| *n == name).map(|(_, converter)| *converter);
        found.ok_or_else(|| {
            ConvertError::new(format!(
                "unknown converter {}; the converters are: {}",
                excerpt(name),
                known()
            ))
        })
    }
}

/// The events of a message, or the reason why it cannot be converted.
type Converted = Result<Vec<Value>, ConvertError>;

/// A message of GitHub or GitLab with the project that it comes from.
struct Origin<'a> {
    body: &'a Value,
    /// `owner/name` on GitHub, `group/project` on GitLab.
    project: String,
    source: String,
}

impl Origin<'_> {
    /// Returns an event with the first of the `times` (JSON pointers) that the message has.
    fn event(&self, what: &str, times: &[&str], subject_id: &str, content: Value) -> Value {
        let timestamp = time::first(self.body, times);
        Draft { what, source: &self.source, timestamp: timestamp.as_deref(), subject_id, content }
            .event()
    }

    fn in_repository(&self) -> Value {
        json!({"repository": {"id": self.project, "source": self.source}})
    }
}

/// Returns a member that a message must have: a text, or a number as it is written.
fn required(body: &Value, pointer: &str) -> Result<String, ConvertError> {
    maybe(body, pointer).ok_or_else(|| {
        ConvertError::new(format!("the message has no {}", pointer[1..].replace('/', ".")))
    })
}

fn maybe(body: &Value, pointer: &str) -> Option<String> {
    match body.pointer(pointer)? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
