//! Lambda's Invoke path, so that `aws lambda invoke --endpoint-url http://localhost:3000` works.
//! Source: <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>.
//!
//! A caller can store records and settle offsets, so the route accepts loopback connections only.
//! Without API keys it serves programs on this machine, and no web pages in a browser. With API
//! keys it needs `--invoke-path` and a key with the scope `admin`.

use std::{net::SocketAddr, time::Duration};

use axum::{
    Router,
    body::Bytes,
    extract::{ConnectInfo, DefaultBodyLimit, Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use serde_json::{Value, json};
use weir_http::{Access, Needs};
use weir_ingest::Handler;

/// Lambda's limit for a synchronous invocation is 6 MB.
const EVENT_BYTES_MAX: usize = 6 * 1024 * 1024;
/// The time limit of one invocation, the same as the poller's.
const TIME_LIMIT: Duration = Duration::from_mins(1);

#[derive(Clone)]
struct InvokeState {
    handler: Handler,
    /// Without API keys, a request of a web page cannot be told from a request of the user.
    pages_may_ask: bool,
}

/// Creates the routes. There are none if API keys are configured and `--invoke-path` is not set.
/// The routes declare no scope here: they always need `admin`.
pub(super) fn routes(handler: Handler, access: Access, switched_on: bool) -> Router {
    let keys = matches!(access, Access::Keys(_));
    if keys && !switched_on {
        return Router::new();
    }
    let limit = DefaultBodyLimit::max(EVENT_BYTES_MAX);
    let state = InvokeState { handler, pages_may_ask: keys };
    let routes = Router::new()
        .route("/2015-03-31/functions/{name}/invocations", post(invoke))
        .layer(limit)
        .with_state(state);
    weir_http::guard(access, Needs::default(), routes)
}

async fn invoke(
    State(InvokeState { handler, pages_may_ask }): State<InvokeState>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Path(name): Path<String>,
    headers: HeaderMap,
    event: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Response {
    if !peer.ip().to_canonical().is_loopback() {
        return error(
            StatusCode::FORBIDDEN,
            "AccessDeniedException",
            "functions can be invoked only from this machine",
        );
    }
    if !pages_may_ask && headers.contains_key(header::ORIGIN) {
        return error(
            StatusCode::FORBIDDEN,
            "AccessDeniedException",
            "without API keys, functions cannot be invoked from a web page",
        );
    }
    if name != "ingest" {
        return error(
            StatusCode::NOT_FOUND,
            "ResourceNotFoundException",
            &format!("function not found: {name}; the only function is ingest"),
        );
    }
    let event = match event {
        Ok(event) => event,
        Err(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            return error(
                StatusCode::PAYLOAD_TOO_LARGE,
                "RequestTooLargeException",
                "the event has more than 6 MB",
            );
        }
        Err(rejection) => {
            return error(
                StatusCode::BAD_REQUEST,
                "InvalidRequestContentException",
                &rejection.to_string(),
            );
        }
    };
    let kind = headers
        .get("x-amz-invocation-type")
        .and_then(|h| h.to_str().ok())
        .unwrap_or("RequestResponse");
    match kind {
        "DryRun" => StatusCode::NO_CONTENT.into_response(),
        // The event is handled before the answer, also for `Event`: an event that is answered with
        // 202 must not be lost.
        "RequestResponse" | "Event" => {
            let outcome = handler.handle(&event, TIME_LIMIT).await;
            match (outcome, kind) {
                (Ok(_), "Event") => StatusCode::ACCEPTED.into_response(),
                (Ok(_), _) => executed(&json!({"batchItemFailures": []}), false),
                (Err(error), _) => executed(
                    &json!({"errorType": "IngestError", "errorMessage": error.to_string()}),
                    true,
                ),
            }
        }
        _ => error(
            StatusCode::BAD_REQUEST,
            "InvalidParameterValueException",
            "X-Amz-Invocation-Type must be RequestResponse, Event or DryRun",
        ),
    }
}

/// Returns a function's answer. As in Lambda, the status is 200 also for an error.
fn executed(body: &Value, failed: bool) -> Response {
    let mut response = (
        [
            (header::CONTENT_TYPE, "application/json"),
            (header::HeaderName::from_static("x-amz-executed-version"), "$LATEST"),
        ],
        body.to_string(),
    )
        .into_response();
    if failed {
        response
            .headers_mut()
            .insert("x-amz-function-error", header::HeaderValue::from_static("Unhandled"));
    }
    response
}

fn error(status: StatusCode, kind: &'static str, message: &str) -> Response {
    let body = json!({"Type": "User", "Message": message}).to_string();
    (
        status,
        [
            (header::CONTENT_TYPE, "application/json"),
            (header::HeaderName::from_static("x-amzn-errortype"), kind),
        ],
        body,
    )
        .into_response()
}
