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

/// Takes readings one after another, with or without line breaks; the body may have any length.
///
/// The answer comes when all replicas have each accepted reading. Valid readings are in Kafka even
/// if other readings are invalid. It is safe to send all of them again.
#[utoipa::path(
    post, path = "/ingest", security(("key" = ["write"])),
    operation_id = "ingest", tag = "collect",
    request_body(
        description = "Readings, one after another. `Content-Encoding: gzip` is allowed.",
        content((String = "application/stream+json", example = json!("{\"sensor\":\"speed\",\"value\":55.5,\"timestamp\":\"2012-04-23T18:25:43.511Z\"}")), (String = "application/x-ndjson", example = json!("{\"sensor\":\"speed\",\"value\":55.5,\"timestamp\":\"2012-04-23T18:25:43.511Z\"}"))),
    ),
    responses(
        (status = 200, description = "All readings are in Kafka.", body = shapes::Nothing, example = json!({})),
        (status = 400, description = "Some readings are invalid (`application/json`), or the rest of the body is not JSON (`application/problem+json`). The valid readings before that are in Kafka.",
            content((shapes::Refused = "application/json"), (shapes::CollectProblem = "application/problem+json"))),
        (status = 408, description = "The body arrived too slowly.", body = shapes::CollectProblem, content_type = "application/problem+json"),
        (status = 413, description = "The body is longer than the limit, or decompresses to too much.", body = shapes::CollectProblem, content_type = "application/problem+json"),
        (status = 415, description = "The body has another content type.", body = shapes::CollectProblem, content_type = "application/problem+json"),
        (status = 503, description = "Kafka does not answer, or the server takes too many bodies at once. Try again after the time in Retry-After.", body = shapes::CollectProblem, content_type = "application/problem+json"),
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
