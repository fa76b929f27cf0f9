//! `POST /ingest`: readings, in the form of cloud-lada's ingestor.

use axum::{
    extract::{Request, State},
    response::Response,
};

use super::{
    CollectError, CollectState,
    answer::{Good, answer},
    request::{self, Sender},
    shapes,
};
use crate::{intake::IntakeRun, splitting::Framing};

/// The accepted media types of a body of values.
pub(super) const STREAMS: [&str; 2] = ["application/stream+json", "application/x-ndjson"];

/// Readings, one after another, with or without line breaks, of any length. Answered when all
/// replicas have each of them. Those that are valid are in Kafka also when others are not; sending
/// all of them again does no harm.
#[utoipa::path(
    post, path = "/ingest", security(("key" = ["write"])),
    operation_id = "ingest", tag = "collect",
    request_body(
        description = "Readings, one after another; `Content-Encoding: gzip` may be.",
        content((String = "application/stream+json", example = json!("{\"sensor\":\"speed\",\"value\":55.5,\"timestamp\":\"2012-04-23T18:25:43.511Z\"}")), (String = "application/x-ndjson", example = json!("{\"sensor\":\"speed\",\"value\":55.5,\"timestamp\":\"2012-04-23T18:25:43.511Z\"}"))),
    ),
    responses(
        (status = 200, description = "All of them are in Kafka.", body = shapes::Nothing, example = json!({})),
        (status = 400, description = "Some are invalid (`application/json`), or what follows is no JSON (`application/problem+json`); those before that are valid are in Kafka.",
            content((shapes::Refused = "application/json"), (shapes::CollectProblem = "application/problem+json"))),
        (status = 408, description = "Nothing came for too long.", body = shapes::CollectProblem, content_type = "application/problem+json"),
        (status = 413, description = "It is longer than this place takes, or unfolds to too much.", body = shapes::CollectProblem, content_type = "application/problem+json"),
        (status = 415, description = "The body is of another type.", body = shapes::CollectProblem, content_type = "application/problem+json"),
        (status = 503, description = "Kafka is away, or too many bodies are taken in at once; try again after the time in Retry-After.", body = shapes::CollectProblem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn ingest(
    State(state): State<CollectState>,
    request: Request,
) -> Result<Response, CollectError> {
    let mut taken = state.take(request, Sender::Known)?;
    request::expect(&taken.headers, &STREAMS)?;
    let report = IntakeRun::new(&state.target_of("readings")?)
        .within(state.limits.of_stream())
        .stream(&mut taken.pieces, Framing::Objects)
        .await;
    let answer = answer(&report, &Good::Empty);
    if !report.is_good() {
        taken.pieces.drain().await;
    }
    Ok(answer)
}
