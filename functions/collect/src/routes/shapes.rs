//! Schemas of the answers, written by hand. Tests compare the answers with them.

#![expect(dead_code, reason = "they are there to be described")]

use serde_json::Value;
use utoipa::ToSchema;

/// Nothing.
#[derive(ToSchema)]
pub(super) struct Nothing {}

/// How many are in Kafka.
#[derive(ToSchema)]
pub(super) struct Accepted {
    /// All of them.
    #[schema(minimum = 0)]
    accepted: u64,
}

/// How many `CDEvents` are in Kafka, and what is not as it should be.
#[derive(ToSchema)]
pub(super) struct CdEventsAccepted {
    /// All of them.
    #[schema(minimum = 0)]
    accepted: u64,
    /// The first 100 of those that are not as their schema says; they are stored with it.
    #[schema(nullable = false)]
    problems: Option<Vec<CdEventProblem>>,
}

/// What is not as the specification says.
#[derive(ToSchema)]
pub(super) struct CdEventProblem {
    /// Which of all events has it, from 1.
    #[schema(minimum = 1)]
    number: u64,
    /// What is wrong with it.
    problem: String,
}

/// What was refused.
#[derive(ToSchema)]
pub(super) struct Refused {
    /// The first 100 of them.
    invalid: Vec<RefusedValue>,
    /// How many they are.
    #[schema(minimum = 1)]
    invalid_count: u64,
    /// How many are in Kafka.
    #[schema(minimum = 0)]
    accepted: u64,
}

/// A value that was refused.
#[derive(ToSchema)]
pub(super) struct RefusedValue {
    /// Of a reading.
    sensor: Option<Value>,
    /// Of a reading.
    value: Option<Value>,
    /// Of a reading.
    timestamp: Option<Value>,
    /// On which line it begins, from 1.
    #[schema(minimum = 1)]
    line: u64,
    /// Which of all values it is, from 1.
    #[schema(minimum = 1)]
    number: u64,
    /// What is wrong with it.
    reason: String,
}

/// What went wrong, as RFC 9457 has it, and what was accepted before.
#[derive(ToSchema)]
pub(super) struct CollectProblem {
    /// Always `about:blank`: the status says all about the kind.
    r#type: String,
    /// The status in words.
    title: String,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// For people: what is wrong with this request.
    detail: String,
    /// For programs.
    code: String,
    /// For people: what to do about it.
    hint: String,
    /// How many values are in Kafka.
    #[schema(nullable = false, minimum = 0)]
    accepted: Option<u64>,
    /// The line behind which nothing was read.
    #[schema(nullable = false, minimum = 1)]
    line: Option<u64>,
    /// Which value that is.
    #[schema(nullable = false, minimum = 1)]
    number: Option<u64>,
    /// The first 100 values that were refused.
    #[schema(nullable = false)]
    invalid: Option<Vec<RefusedValue>>,
    /// How many they are.
    #[schema(nullable = false, minimum = 0)]
    invalid_count: Option<u64>,
}
