//! `POST /cdevents`: events about software delivery, as pipelines send them.

use axum::{
    Json,
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use weir_http::ProblemCode;
use weir_model::cdevents::submit::{self, Submitted};

use super::{
    CollectError, CollectState,
    answer::{Good, answer},
    request::{self, Sender, since_1970},
    shapes,
};
use crate::{intake::IntakeRun, splitting::ValuePlace};

/// The accepted media types. In the binary mode of `CloudEvents` the body is the plain event, and
/// its headers add nothing.
const KINDS: [&str; 3] =
    ["application/json", "application/cloudevents+json", "application/cloudevents-batch+json"];
/// The answer lists at most this number of findings.
const PROBLEMS_MAX: usize = 100;

/// Takes one `CDEvent`, or an array of at most 10,000, each plain or as a `CloudEvent`.
///
/// The answer comes when all replicas have each event. An array with a value that is not a
/// `CDEvent` is refused as a whole. An event whose content does not match its schema is accepted,
/// and the answer names the findings.
#[utoipa::path(
    post, path = "/cdevents", security(("key" = ["write"])),
    operation_id = "cdevents_post", tag = "collect",
    request_body(
        description = "One event or several, of at most 4 MB together.",
        content(
            (serde_json::Value = "application/json", example = json!({"context": {"specversion": "0.5.1", "id": "271069a8-fc18-44f1-b38f-9d70a1695819", "source": "/ci/harbour", "type": "dev.cdevents.service.deployed.0.3.0", "timestamp": "2026-01-02T03:04:05Z"}, "subject": {"id": "shop", "content": {"environment": {"id": "production"}, "artifactId": "pkg:oci/shop@sha256%3A0b31b1c02ff458ad9b7b81cbdf8f028bd54699fa151f221d1e8de6817db93427"}}})),
            (serde_json::Value = "application/cloudevents+json"),
            (Vec<serde_json::Value> = "application/cloudevents-batch+json"),
        ),
    ),
    responses(
        (status = 201, description = "All events are in Kafka.", body = shapes::CdEventsAccepted, example = json!({"accepted": 1})),
        (status = 400, description = "A value is not a CDEvent; the detail names it, and no event is in Kafka (`application/problem+json`). Or Kafka rejects an event as too large, and the other events are in Kafka (`application/json`).",
            content((shapes::Refused = "application/json"), (shapes::CollectProblem = "application/problem+json"))),
        (status = 404, description = "No topic is bound to the model cdevents.", body = shapes::CollectProblem, content_type = "application/problem+json"),
        (status = 408, description = "The body arrived too slowly.", body = shapes::CollectProblem, content_type = "application/problem+json"),
        (status = 413, description = "The body is longer than 4 MB.", body = shapes::CollectProblem, content_type = "application/problem+json"),
        (status = 415, description = "The body has another content type.", body = shapes::CollectProblem, content_type = "application/problem+json"),
        (status = 422, description = "The topic's values are not JSON.", body = shapes::CollectProblem, content_type = "application/problem+json"),
        (status = 503, description = "Kafka does not answer, or the server takes too many bodies at once. Try again after the time in Retry-After.", body = shapes::CollectProblem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn cdevents(
    State(state): State<CollectState>,
    request: Request,
) -> Result<Response, CollectError> {
    let target = state.target_of("cdevents")?;
    let taken = state.take(request, Sender::Known)?;
    request::expect(&taken.headers, &KINDS)?;
    let whole = taken.whole().await?;
    let now_ms = i64::try_from(since_1970().as_millis()).unwrap_or(i64::MAX);
    let events = submit::records(&whole.body, target.topic(), now_ms)
        .map_err(|refused| no_cdevent(&refused))?;
    let mut run = IntakeRun::new(&target).within(state.limits.of_whole());
    for (event, number) in events.iter().zip(1..) {
        if !run.checked(ValuePlace { line: 1, number }, &event.key, event.value).await {
            break;
        }
    }
    let report = run.end().await;
    let problems = problems(&events);
    if !report.is_good() || problems.is_empty() {
        return Ok(answer(&report, &Good::Count(StatusCode::CREATED)));
    }
    Ok((StatusCode::CREATED, Json(json!({"accepted": report.accepted, "problems": problems})))
        .into_response())
}

/// Returns the findings, each with the number of its event.
fn problems(events: &[Submitted<'_>]) -> Vec<Value> {
    let numbered = (1..)
        .zip(events)
        .filter_map(|(number, event): (u64, _)| Some((number, event.problems.as_ref()?)));
    numbered
        .take(PROBLEMS_MAX)
        .map(|(number, problem)| json!({"number": number, "problem": problem}))
        .collect()
}

fn no_cdevent(refused: &submit::Refused) -> CollectError {
    let hint = "send a CDEvent (https://cdevents.dev), or an array of CDEvents; no event of this body \
            was accepted";
    CollectError::new(StatusCode::BAD_REQUEST, ProblemCode::InvalidEvent, refused.to_string(), hint)
}
