//! The steps of every request.
//!
//! They are two layers only, because every layer costs each request one or two allocations and a
//! copy of everything inside it. [`finish`] is around all routes. [`RouteGuard`] is before each
//! route, or [`guard`] for routes with other limits.

mod access_log;
mod admission;
mod concurrency;
mod problem_body;
mod request;
mod response_limit;
mod route;
mod trailing_slash;

use std::sync::Arc;

use axum::{
    Router,
    extract::{Request, State},
    middleware::{Next, from_fn, from_fn_with_state},
    response::Response,
};
use tower::service_fn;

pub use admission::RouteGuard;
pub use concurrency::Deadline;
pub(crate) use request::InvalidHost;
pub use response_limit::CutOff;
pub use route::Route;
pub use trailing_slash::TrailingSlash;

use crate::{Access, Needs, access};

/// Returns the routes with a check of the needs that each route declares.
pub fn guard(access: Access, needs: Needs, routes: Router) -> Router {
    routes.route_layer(from_fn_with_state((access, Arc::new(needs)), check))
}

async fn check(
    State((access, needs)): State<(Access, Arc<Needs>)>,
    request: Request,
    next: Next,
) -> Response {
    access::checked(&access, &needs, request, next).await
}

/// Returns the same as [`guard`]; each answer also names its route, for metrics.
pub fn guard_and_note(access: Access, needs: Needs, routes: Router) -> Router {
    guard(access, needs, routes).route_layer(from_fn(route::note_route))
}

/// Adds the steps of every request around the routes: the trailing slash, the problem body of an
/// error, compression, the request's id and its line in the access log.
pub fn finish(routes: Router) -> Router {
    // The routes are the fallback of an empty router, so that this step runs before a route is
    // matched.
    Router::new()
        .fallback_service(service_fn(move |request| request::handled(routes.clone(), request)))
}
