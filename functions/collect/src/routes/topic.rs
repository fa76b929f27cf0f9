//! `POST /ingest/{topic}`: one event a line, for any topic that is bound to a model.

use axum::{
    extract::{Path, Query, Request, State},
    http::StatusCode,
    response::Response,
};
use serde::Deserialize;
use utoipa::IntoParams;
use weir_http::ProblemCode;

use super::{
    CollectError, CollectState,
    answer::{Good, answer},
    ingest::STREAMS,
    request::{self, Sender},
    shapes,
};
use crate::{intake::IntakeRun, splitting::Framing};

/// How records get their keys.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct KeyParam {
    /// A JSON pointer to each record's key in its value. By default the key is the entity id that
    /// the model reads.
    #[param(nullable = false, pattern = "^/")]
    key: Option<String>,
}

impl KeyParam {
    pub(super) fn of(key: Option<String>) -> Self {
        Self { key }
    }

    pub(super) fn checked(self) -> Result<Option<String>, CollectError> {
        match self.key {
            Some(key) if !key.starts_with('/') => Err(CollectError::new(
                StatusCode::BAD_REQUEST,
                ProblemCode::InvalidParameter,
                format!("key is {}", weir_model::excerpt(&key)),
                "key must be a JSON pointer, for example /id or /customer/id",
            )),
            key => Ok(key),
        }
    }
}

/// Takes values of one topic, one per line.
///
/// The topic's model checks each value. The answer comes when all replicas have each accepted
/// value. Valid values are in Kafka even if other values are invalid.
#[utoipa::path(
    post, path = "/ingest/{topic}", security(("key" = ["write"])),
    operation_id = "ingest_topic", tag = "collect",
    params(("topic" = String, Path, description = "A topic that is bound to a model.", example = "readings"), KeyParam),
    request_body(
        description = "Values, one per line. `Content-Encoding: gzip` is allowed.",
        content((String = "application/x-ndjson", example = json!("{\"sensor\":\"speed\",\"value\":55.5,\"timestamp\":\"2012-04-23T18:25:43.511Z\"}")), (String = "application/stream+json")),
    ),
    responses(
        (status = 200, description = "All values are in Kafka.", body = shapes::Accepted, example = json!({"accepted": 1})),
        (status = 400, description = "Some values are invalid (`application/json`), or the request is wrong (`application/problem+json`). The valid values are in Kafka.",
            content((shapes::Refused = "application/json"), (shapes::CollectProblem = "application/problem+json"))),
        (status = 404, description = "The topic is not bound to a model.", body = shapes::CollectProblem, content_type = "application/problem+json"),
        (status = 408, description = "The body arrived too slowly.", body = shapes::CollectProblem, content_type = "application/problem+json"),
        (status = 413, description = "The body is longer than the limit, or decompresses to too much.", body = shapes::CollectProblem, content_type = "application/problem+json"),
        (status = 415, description = "The body has another content type.", body = shapes::CollectProblem, content_type = "application/problem+json"),
        (status = 422, description = "The topic's values are not JSON.", body = shapes::CollectProblem, content_type = "application/problem+json"),
        (status = 503, description = "Kafka does not answer, or the server takes too many bodies at once. Try again after the time in Retry-After.", body = shapes::CollectProblem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn ingest_topic(
    State(state): State<CollectState>,
    Path(topic): Path<String>,
    Query(key): Query<KeyParam>,
    request: Request,
) -> Result<Response, CollectError> {
    let target = state.intake.target(&topic, key.checked()?)?;
    let mut taken = state.take(request, Sender::Known)?;
    let framing = match request::expect(&taken.headers, &STREAMS)?.as_str() {
        "application/stream+json" => Framing::Objects,
        _ => Framing::Lines,
    };
    let report = IntakeRun::new(&target)
        .within(state.limits.of_stream())
        .stream(&mut taken.pieces, framing)
        .await;
    let answer = answer(&report, &Good::Count(StatusCode::OK));
    if !report.is_good() {
        taken.pieces.drain().await;
    }
    Ok(answer)
}
