//! Schemas of bodies and parameters that the handlers write and read without serde. Tests compare
//! the answers with them.

#![expect(dead_code, reason = "they are there to be described")]

use utoipa::{IntoParams, ToSchema};

/// What went wrong, as RFC 9457 has it.
#[derive(ToSchema)]
pub(crate) struct Problem {
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
    /// Below `/v1`, for clients of Phobos: always true.
    #[schema(nullable = false)]
    error: Option<bool>,
    /// Below `/v1`, for clients of Phobos: the detail again.
    #[schema(nullable = false)]
    message: Option<String>,
}

/// An average.
#[derive(ToSchema)]
#[schema(as = Average)]
pub(crate) struct AverageBody {
    sensor: String,
    value: f64,
    /// Where the bucket begins.
    #[schema(format = DateTime)]
    timestamp: String,
}

/// How fresh the readings are.
#[derive(ToSchema)]
#[schema(as = Status, rename_all = "camelCase")]
pub(crate) struct StatusBody {
    /// The newest reading's own time.
    #[schema(required)]
    last_ingest_timestamp: Option<String>,
}

/// What every paged list takes.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageParams {
    /// Elements of a page: 20 unless it is given; all as NDJSON or CSV.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<i64>,
    /// Elements to leave out at the beginning; not beside a cursor.
    #[param(minimum = 0)]
    offset: Option<i64>,
    /// Where the page before ended: from its `Link`.
    cursor: Option<String>,
}

/// What a list of ids takes.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct IdsParams {
    /// Elements of a page; all, without it.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<i64>,
    /// Elements to leave out at the beginning; not beside a cursor.
    #[param(minimum = 0)]
    offset: Option<i64>,
    /// Where the page before ended: from its `Link`.
    cursor: Option<String>,
}

/// Which records. All of them combine.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct FilterParams {
    /// Kafka topic.
    topic: Option<String>,
    /// Kafka consumer group.
    group_id: Option<String>,
    /// Kafka partition.
    #[param(minimum = 0)]
    partition: Option<i32>,
    /// Which thing it is about.
    entity_id: Option<String>,
    /// What happened.
    event_type: Option<String>,
    /// Version of its shape.
    event_version: Option<String>,
    /// Happened at this instant or later.
    #[param(format = DateTime)]
    from: Option<String>,
    /// Happened before this instant.
    #[param(format = DateTime)]
    to: Option<String>,
}

/// What was skipped, and what is not as it should be.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct OutcomeParams {
    /// `event` unless it is given: what was skipped is left out.
    #[param(pattern = "^(event|skipped|any)$")]
    outcome: Option<String>,
    /// `any`: only events with problems.
    #[param(pattern = "^any$")]
    problems: Option<String>,
}

/// The id of an event or of a failure.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct IdPath {
    /// `<topic>-<partition>-<offset>`, with `~<stream>` behind it for any but the topic's first
    /// stream.
    #[param(example = "build_events-0-0")]
    id: String,
}
