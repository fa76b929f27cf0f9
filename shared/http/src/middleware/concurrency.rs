//! Limits the time of a request, the length of its body, and the number of concurrent requests.

use std::sync::Arc;

use axum::{
    extract::Request,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use tokio::{sync::Semaphore, time::Instant};

use crate::{HttpLimits, Problem, ProblemCode};

/// The most bytes of a body. No route behind this limit reads a body, so a longer one is a mistake.
const BODY_BYTES_MAX: u64 = 64 * 1024;

/// The time by which a request has to be answered, in the request's extensions.
#[derive(Debug, Clone, Copy)]
pub struct Deadline(pub Instant);

#[derive(Clone)]
pub(super) struct ConcurrencyLimit {
    limits: HttpLimits,
    places: Arc<Semaphore>,
}

impl ConcurrencyLimit {
    pub(super) fn new(limits: HttpLimits) -> Self {
        Self { places: Arc::new(Semaphore::new(limits.concurrent_requests.into())), limits }
    }

    /// Admits a request, or answers 503 (RFC 9110, 15.6.4) or 413.
    pub(super) async fn limited<F: Future<Output = Response>>(
        &self,
        mut request: Request,
        work: impl FnOnce(Request) -> F,
    ) -> Response {
        let Ok(_place) = self.places.try_acquire() else {
            return problem(
                StatusCode::SERVICE_UNAVAILABLE,
                ProblemCode::Busy,
                "the server has too many requests",
                "try again after the time in Retry-After",
            );
        };
        let length = request
            .headers()
            .get(header::CONTENT_LENGTH)
            .and_then(|v| v.to_str().ok())
            .and_then(|v| v.parse::<u64>().ok());
        if length.is_some_and(|length| length > BODY_BYTES_MAX) {
            return problem(
                StatusCode::PAYLOAD_TOO_LARGE,
                ProblemCode::BodyTooLarge,
                "the body is longer than 64 KB",
                "send no body to this route",
            );
        }
        let deadline = Instant::now() + self.limits.request_limit();
        // The deadline of the Lambda invocation may be earlier.
        let deadline =
            request.extensions().get::<Deadline>().map_or(deadline, |given| given.0.min(deadline));
        request.extensions_mut().insert(Deadline(deadline));
        tokio::time::timeout_at(deadline, work(request)).await.unwrap_or_else(|_| {
            problem(
                StatusCode::SERVICE_UNAVAILABLE,
                ProblemCode::Timeout,
                "the request timed out",
                "ask for less data, or try again after the time in Retry-After",
            )
        })
    }
}

fn problem(status: StatusCode, code: ProblemCode, detail: &str, hint: &str) -> Response {
    Problem { status, code, detail: detail.to_owned(), hint: hint.to_owned() }.into_response()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::{
        Router,
        body::Body,
        extract::State,
        middleware::{Next, from_fn_with_state},
        routing::get,
    };
    use tower::ServiceExt;

    use super::*;

    async fn limit(
        State(concurrency): State<ConcurrencyLimit>,
        request: Request,
        next: Next,
    ) -> Response {
        concurrency.limited(request, |request| next.run(request)).await
    }

    fn slow(concurrent_requests: u16, takes: Duration) -> Router {
        let concurrency = ConcurrencyLimit::new(HttpLimits {
            request_timeout: 1,
            concurrent_requests,
            response_bytes_max: None,
        });
        let handler = move || async move {
            tokio::time::sleep(takes).await;
            "done"
        };
        crate::finish(
            Router::new().route("/", get(handler)).layer(from_fn_with_state(concurrency, limit)),
        )
    }

    async fn ask(router: &Router) -> Response {
        router.clone().oneshot(Request::get("/").body(Body::empty()).unwrap()).await.unwrap()
    }

    #[tokio::test]
    async fn what_takes_too_long_is_503() {
        let answer = ask(&slow(1, Duration::from_mins(1))).await;
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(answer.headers().contains_key("retry-after"));
    }

    #[tokio::test]
    async fn one_too_many_is_503_and_the_place_is_free_again() {
        let router = slow(2, Duration::from_millis(200));
        let (a, b, c) = tokio::join!(ask(&router), ask(&router), ask(&router));
        let statuses = [a.status(), b.status(), c.status()].map(|status| status.as_u16());
        assert_eq!(statuses, [200, 200, 503]);
        assert_eq!(ask(&router).await.status(), StatusCode::OK);
    }
}
