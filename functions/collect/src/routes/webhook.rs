//! `POST /webhook/{id}`: what another system sends of its own accord.

use std::time::{SystemTime, UNIX_EPOCH};

use axum::{
    Json,
    extract::{Path, Request, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::de::IgnoredAny;
use serde_json::json;
use weir_api::Scope;
use weir_model::Headers;

use super::{CollectState, Fault, shapes};
use crate::{
    intake::{Report, Run},
    sources::Source,
    split::Place,
};

/// An event of the source `id` of the configuration, which has to be signed as that says. Answered when all replicas have it.
/// A source without a signature needs an API key with the scope `write`.
#[utoipa::path(
    post,
    operation_id = "webhook",
    path = "/webhook/{id}",
    tag = "collect",
    params(("id" = String, Path, description = "A source of the configuration.")),
    request_body(description = "What the source sends; JSON of at most 4 MB.", content((serde_json::Value = "application/json"))),
    responses(
        (status = 202, description = "It is in Kafka.", body = shapes::Accepted, example = json!({"accepted": 1})),
        (status = 400, description = "It is no JSON, or the topic's model refuses it.", body = shapes::CollectProblem, content_type = "application/problem+json"),
        (status = 401, description = "The signature is missing or wrong.", body = shapes::CollectProblem, content_type = "application/problem+json"),
        (status = 403, description = "A header is not as the source's rules have it.", body = shapes::CollectProblem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such source.", body = shapes::CollectProblem, content_type = "application/problem+json"),
        (status = 408, description = "Nothing came for too long.", body = shapes::CollectProblem, content_type = "application/problem+json"),
        (status = 413, description = "It is longer than 4 MB.", body = shapes::CollectProblem, content_type = "application/problem+json"),
        (status = 415, description = "It comes in a coding that is not known here.", body = shapes::CollectProblem, content_type = "application/problem+json"),
        (status = 503, description = "Kafka is away; try again after the time in Retry-After.", body = shapes::CollectProblem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn webhook(State(state): State<CollectState>, Path(id): Path<String>, request: Request) -> Result<Response, Fault> {
    let source = state.sources.webhook(&id).ok_or_else(|| unknown(&id))?;
    if source.proof.is_none() {
        state.access.permits(request.headers(), Scope::Write).await?;
    }
    let (headers, body) = state.take(request)?.whole().await?;
    if let Some((signature, secrets)) = &source.proof {
        signature.verify(secrets, &headers, &body, now_s()).map_err(unsigned)?;
    }
    if let Some(broken) = source.broken_rule(&headers) {
        return Err(Fault::new(StatusCode::FORBIDDEN, "RULE_BROKEN", broken, "see the rules of this source in the configuration of weir"));
    }
    let value = std::str::from_utf8(&body).map_err(|_| not_json("it is not UTF-8"))?;
    serde_json::from_str::<IgnoredAny>(value).map_err(|error| not_json(&error.to_string()))?;
    let report = send(source, &source.kept(&headers), value).await.map_err(|reason| refused(&reason))?;
    if let Some(fault) = Fault::ended(&report) {
        return Err(fault);
    }
    if let Some(reason) = report.first_reason() {
        return Err(refused(reason));
    }
    Ok((StatusCode::ACCEPTED, Json(json!({"accepted": report.accepted}))).into_response())
}

/// Sends what a source's event is, or what its converter makes of it; the error is what that says.
async fn send(source: &Source, headers: &[crate::Header<'_>], value: &str) -> Result<Report, String> {
    let mut run = Run::new(&source.target);
    let values = match source.converter {
        None => vec![std::borrow::Cow::Borrowed(value)],
        Some(converter) => {
            let shown = headers.iter().map(|(name, value)| weir_model::Header { name, value: value.as_deref() }).collect();
            let converted = (converter.convert)(&Headers(shown), value).map_err(|rejection| rejection.message)?;
            converted.into_iter().map(Into::into).collect()
        }
    };
    for (value, number) in values.iter().zip(1..) {
        if !run.one(Place { line: 1, number }, None, value, headers).await {
            break;
        }
    }
    Ok(run.end().await)
}

#[expect(clippy::disallowed_methods, reason = "the clock enters here")]
fn now_s() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).ok().and_then(|now| i64::try_from(now.as_secs()).ok()).unwrap_or_default()
}

fn unknown(id: &str) -> Fault {
    let detail = format!("there is no source {}", weir_model::excerpt(id));
    Fault::new(StatusCode::NOT_FOUND, "NOT_FOUND", detail, "sources stand below [sources] in the configuration of weir")
}

fn unsigned(wrong: &str) -> Fault {
    Fault::new(
        StatusCode::UNAUTHORIZED,
        "INVALID_SIGNATURE",
        wrong,
        "give the sender the secret that the configuration of weir names for this source",
    )
}

fn not_json(fault: &str) -> Fault {
    Fault::new(StatusCode::BAD_REQUEST, "MALFORMED_JSON", fault, "let the sender send application/json")
}

fn refused(reason: &str) -> Fault {
    Fault::new(StatusCode::BAD_REQUEST, "INVALID_EVENT", reason, "let this source send what the model of its topic is about")
}
