//! `POST /events/{topic}`: `CloudEvents`.

use axum::{
    extract::{Path, Query, Request, State},
    http::StatusCode,
    response::Response,
};
use serde_json::value::RawValue;
use weir_http::ProblemCode;

use super::{
    CollectError, CollectState,
    answer::{Good, answer},
    cloud_events::CloudEvent,
    request::{self, Sender},
    shapes,
    topic::KeyParam,
};
use crate::{intake::IntakeRun, splitting::ValuePlace};

const STRUCTURED: &str = "application/cloudevents+json";
const BATCH: &str = "application/cloudevents-batch+json";

/// Takes `CloudEvents` 1.0 in any mode of their HTTP binding: binary (`ce-…` headers), structured
/// or batched.
///
/// In Kafka the attributes are headers, the data is the value, and `partitionkey` is the key. The
/// answer comes when all replicas have each accepted event.
#[utoipa::path(
    post, path = "/events/{topic}", security(("key" = ["write"])),
    operation_id = "events_post", tag = "collect",
    params(("topic" = String, Path, description = "A topic that is bound to a model.", example = "readings"), KeyParam),
    request_body(
        description = "One event or several, of at most 4 MB together.",
        content((serde_json::Value = "application/cloudevents+json"), (Vec<serde_json::Value> = "application/cloudevents-batch+json"), (serde_json::Value = "application/json")),
    ),
    responses(
        (status = 202, description = "All events are in Kafka.", body = shapes::Accepted, example = json!({"accepted": 1})),
        (status = 400, description = "Some values are not events, or the topic's model rejects them (`application/json`), or the request is wrong (`application/problem+json`).",
            content((shapes::Refused = "application/json"), (shapes::CollectProblem = "application/problem+json"))),
        (status = 404, description = "The topic is not bound to a model.", body = shapes::CollectProblem, content_type = "application/problem+json"),
        (status = 408, description = "The body arrived too slowly.", body = shapes::CollectProblem, content_type = "application/problem+json"),
        (status = 413, description = "The body is longer than 4 MB.", body = shapes::CollectProblem, content_type = "application/problem+json"),
        (status = 415, description = "The body has another content type.", body = shapes::CollectProblem, content_type = "application/problem+json"),
        (status = 422, description = "The topic's values are not JSON.", body = shapes::CollectProblem, content_type = "application/problem+json"),
        (status = 503, description = "Kafka does not answer, or the server takes too many bodies at once. Try again after the time in Retry-After.", body = shapes::CollectProblem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn events(
    State(state): State<CollectState>,
    Path(topic): Path<String>,
    Query(key): Query<KeyParam>,
    request: Request,
) -> Result<Response, CollectError> {
    let target = state.intake.target(&topic, key.checked()?)?;
    let taken = state.take(request, Sender::Known)?;
    let kind = request::media_type(&taken.headers)?;
    if kind.as_deref().is_none_or(|kind| kind != STRUCTURED && kind != BATCH)
        && !taken.headers.contains_key("ce-specversion")
    {
        return Err(CollectError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            ProblemCode::UnsupportedMediaType,
            "the header ce-specversion is missing, and the body is neither an event nor a batch of \
                events",
            format!(
                "send the attributes as ce-… headers, or the body as Content-Type: {STRUCTURED} or {BATCH}"
            ),
        ));
    }
    let mut whole = taken.whole().await?;
    let body = std::mem::take(&mut whole.body);
    let events = match kind.as_deref() {
        Some(STRUCTURED) => vec![CloudEvent::structured(text(&body)?)],
        Some(BATCH) => {
            let all: Vec<&RawValue> = serde_json::from_str(text(&body)?)
                .map_err(|error| malformed(&error.to_string()))?;
            all.into_iter().map(|one| CloudEvent::structured(one.get())).collect()
        }
        _ => vec![CloudEvent::binary(&whole.headers, body)],
    };
    let mut run = IntakeRun::new(&target).within(state.limits.of_whole());
    for (event, number) in events.iter().zip(1..) {
        let place = ValuePlace { line: 1, number };
        match event {
            Ok(event) => {
                if !run.one(place, event.key(), &event.data, &event.headers()).await {
                    break;
                }
            }
            Err(reason) => run.refuse(place, reason),
        }
    }
    Ok(answer(&run.end().await, &Good::Count(StatusCode::ACCEPTED)))
}

fn text(body: &[u8]) -> Result<&str, CollectError> {
    std::str::from_utf8(body).map_err(|_| malformed("the body is not UTF-8"))
}

fn malformed(fault: &str) -> CollectError {
    CollectError::new(
        StatusCode::BAD_REQUEST,
        ProblemCode::MalformedJson,
        fault,
        "send events in the JSON format of CloudEvents",
    )
}
