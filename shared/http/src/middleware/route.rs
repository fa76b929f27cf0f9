//! The route of a request, for metrics. They are counted outside of the router, where only the path
//! is known.

use axum::{
    extract::{MatchedPath, Request},
    middleware::Next,
    response::Response,
};

/// The route of a request in the router's form (`/build/{build}`), in the extensions of the answer.
/// A fallback is not a route; this includes the fallback of a plugin.
#[derive(Debug, Clone)]
pub struct Route(MatchedPath);

impl Route {
    /// Returns the text of the route.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

/// [`noted`] as a layer, for routes that are not behind a [`RouteGuard`](super::RouteGuard).
pub(super) async fn note_route(request: Request, next: Next) -> Response {
    noted(request, |request| next.run(request)).await
}

/// Puts the [`Route`] on the answer.
pub(super) async fn noted<F: Future<Output = Response>>(
    request: Request,
    work: impl FnOnce(Request) -> F,
) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned().map(Route);
    let mut response = work(request).await;
    if let Some(route) = route {
        response.extensions_mut().insert(route);
    }
    response
}
