//! What became of a body.

use serde_json::{Map, Value, json};
use weir_model::excerpt;

use crate::{body::BodyFault, splitting::ValuePlace};

/// So many of the values that were refused are shown; all are counted.
const LISTED_MAX: usize = 100;
/// A longer value is not quoted.
const QUOTED_BYTES_MAX: usize = 4096;
/// What is shown of a reading that was refused (cloud-lada's elements are the reading itself).
const SHOWN: [&str; 3] = ["sensor", "value", "timestamp"];

/// How it ended.
#[derive(Debug)]
pub enum Ended {
    /// At its end.
    Whole,
    /// At something that is no JSON, behind which nobody knows where the next value begins.
    Malformed {
        /// Where.
        place: ValuePlace,
        /// What is wrong there.
        reason: String,
    },
    /// The body did not come to its end.
    Body(BodyFault),
    /// Kafka did not take everything, for the time being.
    Kafka(String),
    /// Kafka will not take so many values, which are short: its topic takes no batches as long as
    /// they came in.
    TooLarge(u64),
}

/// A value that was refused.
#[derive(Debug)]
pub struct Invalid(Value);

/// What became of a body.
#[derive(Debug)]
pub struct Report {
    /// How many values all replicas have.
    pub accepted: u64,
    /// The first that were refused.
    pub invalid: Vec<Invalid>,
    /// How many were.
    pub invalid_count: u64,
    /// How many records of a file are in Kafka that hold what could not be read, each with its
    /// reason.
    pub kept: u64,
    /// How it ended.
    pub ended: Ended,
}

impl Report {
    pub(super) fn new() -> Self {
        Self { accepted: 0, invalid: Vec::new(), invalid_count: 0, kept: 0, ended: Ended::Whole }
    }

    /// Notes a value that is refused.
    pub fn refuse(&mut self, place: ValuePlace, value: Option<&str>, reason: &str) {
        self.invalid_count += 1;
        if self.invalid.len() < LISTED_MAX {
            self.invalid.push(Invalid::new(place, value, reason));
        }
    }

    /// Everything that was sent is in Kafka, and nothing was refused.
    pub fn is_good(&self) -> bool {
        matches!(self.ended, Ended::Whole) && self.invalid_count == 0
    }

    /// Line and reason of those that are listed, for people.
    pub fn reasons(&self) -> impl Iterator<Item = String> {
        self.invalid.iter().map(|Invalid(value)| {
            format!("line {}: {}", value["line"], value["reason"].as_str().unwrap_or_default())
        })
    }

    /// Why the first value that was refused was.
    pub fn first_reason(&self) -> Option<&str> {
        self.invalid.first().and_then(|Invalid(value)| value["reason"].as_str())
    }

    /// `{"invalid":[…],"invalid_count":…,"accepted":…}`.
    pub fn members(&self) -> Map<String, Value> {
        let invalid: Vec<&Value> = self.invalid.iter().map(|Invalid(value)| value).collect();
        let members = json!({"invalid": invalid, "invalid_count": self.invalid_count, "accepted": self.accepted});
        let Value::Object(members) = members else { return Map::new() };
        members
    }
}

impl Invalid {
    fn new(place: ValuePlace, value: Option<&str>, reason: &str) -> Self {
        let mut shown = Map::new();
        let quoted = value
            .filter(|value| value.len() <= QUOTED_BYTES_MAX)
            .and_then(|value| serde_json::from_str(value).ok());
        if let Some(Value::Object(mut members)) = quoted
            && SHOWN.iter().any(|name| members.contains_key(*name))
        {
            shown.extend(
                SHOWN.map(|name| (name.to_owned(), members.remove(name).unwrap_or(Value::Null))),
            );
        }
        shown.insert("line".into(), place.line.into());
        shown.insert("number".into(), place.number.into());
        shown.insert("reason".into(), bounded(reason).into());
        Self(Value::Object(shown))
    }
}

/// A reason of bounded length.
fn bounded(reason: &str) -> String {
    if reason.len() <= QUOTED_BYTES_MAX { reason.to_owned() } else { excerpt(reason) }
}
