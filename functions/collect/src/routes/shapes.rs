//! Schemas of the answers, written by hand. Tests compare the answers with them.

#![expect(dead_code, reason = "the types exist only for the description")]

use serde_json::Value;
use utoipa::ToSchema;

/// An empty answer.
#[derive(ToSchema)]
pub(super) struct Nothing {}

/// The number of values in Kafka.
#[derive(ToSchema)]
pub(super) struct Accepted {
    /// The number of values of the body, which are all in Kafka.
    #[schema(minimum = 0)]
    accepted: u64,
}

/// The number of `CDEvents` in Kafka, and the findings.
#[derive(ToSchema)]
pub(super) struct CdEventsAccepted {
    /// The number of events of the body, which are all in Kafka.
    #[schema(minimum = 0)]
    accepted: u64,
    /// The first 100 findings about events that do not match their schema. The events are in Kafka.
    #[schema(nullable = false)]
    problems: Option<Vec<CdEventProblem>>,
}

/// A deviation from the specification.
#[derive(ToSchema)]
pub(super) struct CdEventProblem {
    /// The number of the event in the body, from 1.
    #[schema(minimum = 1)]
    number: u64,
    /// The findings about the event.
    problem: String,
}

/// The refused values.
#[derive(ToSchema)]
pub(super) struct Refused {
    /// The first 100 refused values.
    invalid: Vec<RefusedValue>,
    /// The number of refused values.
    #[schema(minimum = 1)]
    invalid_count: u64,
    /// The number of values in Kafka.
    #[schema(minimum = 0)]
    accepted: u64,
}

/// A refused value.
#[derive(ToSchema)]
pub(super) struct RefusedValue {
    /// The sensor of a reading.
    sensor: Option<Value>,
    /// The value of a reading.
    value: Option<Value>,
    /// The timestamp of a reading.
    timestamp: Option<Value>,
    /// The line on which the value begins, from 1.
    #[schema(minimum = 1)]
    line: u64,
    /// The number of the value in the body, from 1.
    #[schema(minimum = 1)]
    number: u64,
    /// The reason of the refusal.
    reason: String,
}

/// A problem of RFC 9457, with the values that were accepted before the error.
#[derive(ToSchema)]
pub(super) struct CollectProblem {
    /// Always `about:blank`, because the status tells the kind of problem.
    r#type: String,
    /// The name of the HTTP status.
    title: String,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// For people: the error of this request.
    detail: String,
    /// For programs: the code of the problem.
    code: String,
    /// For people: the remedy.
    hint: String,
    /// The number of values in Kafka.
    #[schema(nullable = false, minimum = 0)]
    accepted: Option<u64>,
    /// The last line that was read.
    #[schema(nullable = false, minimum = 1)]
    line: Option<u64>,
    /// The number of the last value that was read.
    #[schema(nullable = false, minimum = 1)]
    number: Option<u64>,
    /// The first 100 values that were refused.
    #[schema(nullable = false)]
    invalid: Option<Vec<RefusedValue>>,
    /// The number of refused values.
    #[schema(nullable = false, minimum = 0)]
    invalid_count: Option<u64>,
}
