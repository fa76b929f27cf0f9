//! Converters: what other tools send becomes CDEvents. Pure functions; the same message always
//! makes the same events.

mod ecr;
mod github;
mod gitlab;
mod outcome;
mod time;

use std::str::FromStr;

use serde_json::{Value, json};

use super::compose::Draft;
use crate::outcome::{excerpt, shortened};

/// A converter, by its name: `convert = "github"` on a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Converter {
    /// Amazon ECR's image actions, as `EventBridge` delivers them.
    Ecr,
    /// GitHub's webhooks.
    Github,
    /// GitLab's webhooks.
    Gitlab,
}

/// All of them, by name.
pub const CONVERTERS: [(&str, Converter); 3] =
    [("ecr", Converter::Ecr), ("github", Converter::Github), ("gitlab", Converter::Gitlab)];

/// A message as it was delivered.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// What the sender says that it is, in the header [`Converter::event_header`]. Others say it in
    /// the body.
    pub event: Option<&'a str>,
    /// The body, JSON.
    pub body: &'a str,
}

/// Why a message cannot be converted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConvertError(String);

impl ConvertError {
    fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl Converter {
    /// The header, in lower case, in which the sender says what a message is.
    pub fn event_header(self) -> Option<&'static str> {
        match self {
            Self::Github => Some("x-github-event"),
            Self::Ecr | Self::Gitlab => None,
        }
    }

    /// The events that a message makes: none where it says nothing that CDEvents have a word for.
    pub fn convert(self, message: Message<'_>) -> Result<Vec<Value>, ConvertError> {
        let body: Value = serde_json::from_str(message.body)
            .map_err(|e| ConvertError::new(format!("the message is no JSON: {}", shortened(&e))))?;
        if !body.is_object() {
            return Err(ConvertError::new("the message is no JSON object"));
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
                "there is no converter {}; there are: {}",
                excerpt(name),
                known()
            ))
        })
    }
}

/// What a message's events are, or why there are none.
type Converted = Result<Vec<Value>, ConvertError>;

/// A message of a forge, and where it comes from.
struct Origin<'a> {
    body: &'a Value,
    /// `owner/name` on GitHub, `group/project` on GitLab.
    project: String,
    source: String,
}

impl Origin<'_> {
    /// An event, at the first of the `times` (JSON pointers) that the message has.
    fn event(&self, what: &str, times: &[&str], subject_id: &str, content: Value) -> Value {
        let timestamp = time::first(self.body, times);
        Draft { what, source: &self.source, timestamp: timestamp.as_deref(), subject_id, content }
            .event()
    }

    fn in_repository(&self) -> Value {
        json!({"repository": {"id": self.project, "source": self.source}})
    }
}

/// A member that a message must have: its text, or a number as it is written.
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
