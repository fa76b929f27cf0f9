//! `POST /webhook/{id}`: events that another system sends.

use axum::{
    Json,
    extract::{Path, Request, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::de::IgnoredAny;
use serde_json::json;
use weir_http::{ProblemCode, Scope};
use weir_model::cdevents::convert::ConvertError;

use super::{
    CollectError, CollectState,
    request::{Sender, since_1970},
    shapes,
};
use crate::{intake::IntakeRun, splitting::ValuePlace};

/// Takes an event of the source `id` of the configuration.
///
/// The source's settings decide how the event is signed. The answer comes when all replicas have
/// the event. If the source has a converter, the signature covers the message as received, and the
/// `CDEvents` that the converter makes are stored: one, several or none. A source without a
/// signature needs an API key with the scope `write`.
#[utoipa::path(
    post, path = "/webhook/{id}", security(()),
    operation_id = "webhook", tag = "collect",
    params(("id" = String, Path, description = "The name of a source of the configuration.")),
    request_body(description = "The message of the source, which is JSON of at most 4 MB.", content((serde_json::Value = "application/json"))),
    responses(
        (status = 202, description = "The message, or the events that its converter made, are in Kafka.", body = shapes::Accepted, example = json!({"accepted": 1})),
        (status = 400, description = "The message is not JSON, or the source's converter or the topic's model rejects it.", body = shapes::CollectProblem, content_type = "application/problem+json"),
        (status = 401, description = "The signature is missing or wrong.", body = shapes::CollectProblem, content_type = "application/problem+json"),
        (status = 403, description = "A header does not meet the rules of the source.", body = shapes::CollectProblem, content_type = "application/problem+json"),
        (status = 404, description = "The source does not exist.", body = shapes::CollectProblem, content_type = "application/problem+json"),
        (status = 408, description = "The body arrived too slowly.", body = shapes::CollectProblem, content_type = "application/problem+json"),
        (status = 413, description = "The body is longer than 4 MB.", body = shapes::CollectProblem, content_type = "application/problem+json"),
        (status = 415, description = "The body has an unsupported Content-Encoding.", body = shapes::CollectProblem, content_type = "application/problem+json"),
        (status = 503, description = "Kafka does not answer, or the server or one address takes too many bodies at once. Try again after the time in Retry-After.", body = shapes::CollectProblem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn webhook(
    State(state): State<CollectState>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, CollectError> {
    let source = state.sources.webhook(&id).ok_or_else(|| unknown(&id))?;
    let sender = if source.proof.is_none() {
        state.access.permits(request.headers(), Scope::Write).await?;
        Sender::Known
    } else {
        Sender::Unkeyed
    };
    let whole = state.take(request, sender)?.whole().await?;
    let (headers, body) = (&whole.headers, &whole.body);
    if let Some((signature, secrets)) = &source.proof {
        signature
            .verify(
                secrets,
                headers,
                body,
                i64::try_from(since_1970().as_secs()).unwrap_or_default(),
            )
            .map_err(unsigned)?;
    }
    if let Some(broken) = source.broken_rule(headers) {
        return Err(CollectError::new(
            StatusCode::FORBIDDEN,
            ProblemCode::RuleBroken,
            broken,
            "see the rules of this source in the configuration of weir",
        ));
    }
    let value = std::str::from_utf8(body).map_err(|_| not_json("the message is not UTF-8"))?;
    serde_json::from_str::<IgnoredAny>(value).map_err(|error| not_json(&error.to_string()))?;
    let values =
        source.values(source.event(headers), value).map_err(|error| unconverted(&error))?;
    let (mut run, kept) =
        (IntakeRun::new(&source.target).within(state.limits.of_whole()), source.kept(headers));
    for (value, number) in values.iter().zip(1..) {
        if !run.one(ValuePlace { line: 1, number }, None, value, &kept).await {
            break;
        }
    }
    let report = run.end().await;
    if let Some(fault) = CollectError::ended(&report) {
        return Err(fault);
    }
    if let Some(reason) = report.first_reason() {
        return Err(refused(reason));
    }
    Ok((StatusCode::ACCEPTED, Json(json!({"accepted": report.accepted}))).into_response())
}

fn unknown(id: &str) -> CollectError {
    let detail = format!("source {} does not exist", weir_model::excerpt(id));
    CollectError::new(
        StatusCode::NOT_FOUND,
        ProblemCode::NotFound,
        detail,
        "see the tables below [sources] in the configuration of weir",
    )
}

fn unsigned(wrong: &str) -> CollectError {
    CollectError::new(
        StatusCode::UNAUTHORIZED,
        ProblemCode::InvalidSignature,
        wrong,
        "give the sender the secret that the configuration of weir has for this source",
    )
}

fn not_json(fault: &str) -> CollectError {
    CollectError::new(
        StatusCode::BAD_REQUEST,
        ProblemCode::MalformedJson,
        fault,
        "configure the sender to send application/json",
    )
}

fn unconverted(error: &ConvertError) -> CollectError {
    let hint = "configure the source to send messages that its converter reads; `weir transform` \
        tests a message in a file";
    CollectError::new(StatusCode::BAD_REQUEST, ProblemCode::InvalidEvent, error.to_string(), hint)
}

fn refused(reason: &str) -> CollectError {
    CollectError::new(
        StatusCode::BAD_REQUEST,
        ProblemCode::InvalidEvent,
        reason,
        "configure the source to send events that the model of its topic accepts",
    )
}
