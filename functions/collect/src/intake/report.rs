//! The result of a body.

use std::fmt;

use serde_json::{Map, Value, json};
use weir_model::excerpt;

use crate::{body::BodyFault, splitting::ValuePlace};

/// The number of refused values that the report lists. All refused values are counted.
const LISTED_MAX: usize = 100;
/// The longest value that the report quotes.
const QUOTED_BYTES_MAX: usize = 4096;
/// The members of a refused reading that the report shows. In cloud-lada each listed element is the
/// reading itself.
const SHOWN: [&str; 3] = ["sensor", "value", "timestamp"];

/// How the reading of a body ended.
#[derive(Debug)]
pub enum Ended {
    /// The whole body was read.
    Whole,
    /// The body has bytes that are not JSON. The start of the next value cannot be found.
    Malformed {
        /// The line and number of the value.
        place: ValuePlace,
        /// The reason as text.
        reason: String,
    },
    /// The body could not be read to its end.
    Body(BodyFault),
    /// Kafka did not accept everything: a transient error.
    Kafka {
        /// The addresses of the brokers, `host:port`, several with commas.
        brokers: String,
        /// The reason as text.
        reason: String,
    },
    /// Kafka refused this number of short values as too large: the topic's limit is smaller than
    /// the producer's batches.
    TooLarge(u64),
}

impl fmt::Display for Ended {
    /// Writes the reason in one line, for the error of a function.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole => f.write_str("the body was read to its end"),
            Self::Malformed { place, reason } => write!(f, "line {}: {reason}", place.line),
            Self::Body(fault) => fault.fmt(f),
            Self::Kafka { brokers, reason } => {
                write!(f, "Kafka at {brokers} did not acknowledge all values: {reason}")
            }
            Self::TooLarge(count) => write!(
                f,
                "{count} values or their batches are larger than Kafka accepts: raise the topic's \
                 max.message.bytes, or give Weir's producer a batch.size below it \
                 (KAFKA_PROPERTIES)"
            ),
        }
    }
}

/// A refused value, as the JSON object of the answer.
#[derive(Debug)]
pub struct Invalid(Value);

/// The result of a body.
#[derive(Debug)]
pub struct Report {
    /// The number of values that all in-sync replicas have.
    pub accepted: u64,
    /// The first refused values.
    pub invalid: Vec<Invalid>,
    /// The number of all refused values.
    pub invalid_count: u64,
    /// The number of unreadable records of a file that are in Kafka, each with its reason.
    pub kept: u64,
    /// How the reading ended.
    pub ended: Ended,
}

impl Report {
    pub(super) fn new() -> Self {
        Self { accepted: 0, invalid: Vec::new(), invalid_count: 0, kept: 0, ended: Ended::Whole }
    }

    /// Adds a refused value.
    pub fn refuse(&mut self, place: ValuePlace, value: Option<&str>, reason: &str) {
        self.invalid_count += 1;
        if self.invalid.len() < LISTED_MAX {
            self.invalid.push(Invalid::new(place, value, reason));
        }
    }

    /// Returns whether everything is in Kafka and nothing was refused.
    pub fn is_good(&self) -> bool {
        matches!(self.ended, Ended::Whole) && self.invalid_count == 0
    }

    /// Returns line and reason of each listed value, as text for people.
    pub fn reasons(&self) -> impl Iterator<Item = String> {
        self.invalid.iter().map(|Invalid(value)| {
            format!("line {}: {}", value["line"], value["reason"].as_str().unwrap_or_default())
        })
    }

    /// Returns the reason of the first refused value.
    pub fn first_reason(&self) -> Option<&str> {
        self.invalid.first().and_then(|Invalid(value)| value["reason"].as_str())
    }

    /// Returns the report as `{"invalid":[…],"invalid_count":…,"accepted":…}`.
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

/// Shortens a long reason.
fn bounded(reason: &str) -> String {
    if reason.len() <= QUOTED_BYTES_MAX { reason.to_owned() } else { excerpt(reason) }
}
