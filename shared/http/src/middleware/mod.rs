//! What every request goes through: two steps, each in one piece, since every layer costs each
//! request an allocation or two and a copy of all that is inside it.
//!
//! [`finish`] is around all routes; [`RouteGuard`], or [`guard`] for routes with limits of another
//! kind, is before each route.

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

/// These routes, behind what each declares in `needs`.
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

/// The same, and each answer says which route it is from, for who counts them.
pub fn guard_and_note(access: Access, needs: Needs, routes: Router) -> Router {
    guard(access, needs, routes).route_layer(from_fn(route::note_route))
}

/// Puts around the routes what every request goes through: the trailing slash, the problem of
/// whatever went wrong, compression, the request's id and its line in the access log.
pub fn finish(routes: Router) -> Router {
    // As the fallback of an empty router, the routes are looked up after this step had the request.
    Router::new()
        .fallback_service(service_fn(move |request| request::handled(routes.clone(), request)))
}
