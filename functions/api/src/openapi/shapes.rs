//! Schemas of bodies and parameters that the handlers write and read without serde. Tests compare
//! the answers with them.

#![expect(dead_code, reason = "the types exist only for the description")]

use utoipa::{IntoParams, ToSchema};

/// A problem of RFC 9457.
#[derive(ToSchema)]
pub(crate) struct Problem {
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
    /// Only below `/v1`, for clients of Phobos: always true.
    #[schema(nullable = false)]
    error: Option<bool>,
    /// Only below `/v1`, for clients of Phobos: the same text as `detail`.
    #[schema(nullable = false)]
    message: Option<String>,
}

/// The average of a bucket.
#[derive(ToSchema)]
#[schema(as = Average)]
pub(crate) struct AverageBody {
    sensor: String,
    value: f64,
    /// The start of the bucket.
    #[schema(format = DateTime)]
    timestamp: String,
}

/// The freshness of the readings.
#[derive(ToSchema)]
#[schema(as = Status, rename_all = "camelCase")]
pub(crate) struct StatusBody {
    /// The time of the newest reading.
    #[schema(required)]
    last_ingest_timestamp: Option<String>,
}

/// The parameters of a paged list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageParams {
    /// The most elements of a page; the default is 20. As NDJSON or CSV the default is all
    /// elements.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<i64>,
    /// The number of elements to leave out at the beginning. It cannot be combined with a cursor.
    #[param(minimum = 0)]
    offset: Option<i64>,
    /// The end of the previous page, taken from its `Link` header.
    cursor: Option<String>,
}

/// The parameters of a list of ids.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct IdsParams {
    /// The most elements of a page; the default is all elements.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<i64>,
    /// The number of elements to leave out at the beginning. It cannot be combined with a cursor.
    #[param(minimum = 0)]
    offset: Option<i64>,
    /// The end of the previous page, taken from its `Link` header.
    cursor: Option<String>,
}

/// Filters of records. A record must pass all of them.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct FilterParams {
    /// Only records of this topic.
    topic: Option<String>,
    /// Only records of this consumer group.
    group_id: Option<String>,
    /// Only records of this partition.
    #[param(minimum = 0)]
    partition: Option<i32>,
    /// Only records about the thing with this id.
    entity_id: Option<String>,
    /// Only records with this type of event.
    event_type: Option<String>,
    /// Only records with this version of the event's format.
    event_version: Option<String>,
    /// Only events at this instant or later.
    #[param(format = DateTime)]
    from: Option<String>,
    /// Only events before this instant.
    #[param(format = DateTime)]
    to: Option<String>,
}

/// The filter of failures by their class.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ClassParams {
    /// Only failures of this class. A class that no failure can have is an error.
    error_class: Option<String>,
}

/// The filters of the counts of failures.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct CountedParams {
    /// Only failures of this topic.
    topic: Option<String>,
    /// Only failures of this consumer group.
    group_id: Option<String>,
    /// Only failures of this partition.
    #[param(minimum = 0)]
    partition: Option<i32>,
}

/// Filters of the outcome and of findings.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct OutcomeParams {
    /// The outcome of the records; the default is `event`, which leaves out skipped records.
    #[param(pattern = "^(event|skipped|any)$")]
    outcome: Option<String>,
    /// `any`: only events with findings.
    #[param(pattern = "^any$")]
    problems: Option<String>,
}

/// The id of an event or of a failure.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct IdPath {
    /// `<topic>-<partition>-<offset>`, followed by `~<stream>` unless it is the topic's first
    /// stream.
    #[param(example = "build_events-0-0")]
    id: String,
}
