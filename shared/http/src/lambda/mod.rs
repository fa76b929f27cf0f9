//! The adapter between a router and an invocation by API Gateway.

mod answer;
mod event;
mod path;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use lambda_http::{Error, RequestExt};
use serde_json::Value;
use tokio::time::Instant;
use tower::ServiceExt;

use weir_function::{Unit, emf_line};

pub use answer::{Answer, RESPONSE_BYTES_MAX};
pub use path::{BasePath, RoutePaths, prepared};

use crate::{Deadline, Route};

/// The time reserved from the timeout of an invocation, for compressing and sending the answer.
const ANSWER_TIME: Duration = Duration::from_secs(1);

/// Handles invocations by API Gateway.
pub struct Function {
    router: Router,
    base_path: BasePath,
    routes: RoutePaths,
}

impl Function {
    /// Creates a function that passes requests to the router, whose paths are `routes`.
    pub fn new(router: Router, base_path: BasePath, routes: RoutePaths) -> Self {
        Self { router, base_path, routes }
    }

    /// Handles one invocation: converts the event, calls the router and returns the answer for API
    /// Gateway. It also writes a line with the metrics to stdout. The event must be [`prepared`].
    #[expect(clippy::disallowed_methods, reason = "this code reads the system clock")]
    pub async fn handle(&self, event: lambda_http::Request) -> Result<Answer, Error> {
        let (begun, now) = (Instant::now(), SystemTime::now().duration_since(UNIX_EPOCH)?);
        let time_left = event
            .lambda_context_ref()
            .map(|context| Duration::from_millis(context.deadline).saturating_sub(now));
        let mut request = event::into_request(event, &self.base_path, &self.routes);
        if let Some(time_left) = time_left {
            request
                .extensions_mut()
                .insert(Deadline(begun + time_left.saturating_sub(ANSWER_TIME)));
        }
        let response = self.router.clone().oneshot(request).await?;
        let route = response.extensions().get::<Route>().cloned();
        let answer = Answer::of(response).await?;
        println!("{}", metrics(route.as_ref(), &answer, begun.elapsed(), now));
        Ok(answer)
    }
}

/// Returns the metrics of a request in `CloudWatch`'s embedded metric format.
///
/// The metrics contain the route and never the path: each value is a metric that costs money, and
/// paths contain ids.
fn metrics(route: Option<&Route>, answer: &Answer, took: Duration, now: Duration) -> String {
    let class = format!("{}xx", answer.status().as_u16() / 100);
    let dimensions = [("route", route.map_or("none", Route::as_str)), ("status", class.as_str())];
    let metrics: Vec<(_, _, Value)> = vec![
        ("requests", Unit::Count, 1.into()),
        ("request_ms", Unit::Milliseconds, (took.as_secs_f64() * 1000.0).into()),
        ("response_bytes", Unit::Bytes, answer.bytes().into()),
    ];
    emf_line(&dimensions, metrics, u64::try_from(now.as_millis()).unwrap_or_default())
}
