//! Which route a request took: for what counts answers from outside, where only the path is known.

use axum::{
    extract::{MatchedPath, Request},
    middleware::Next,
    response::Response,
};

/// The route that a request took, as the router has it (`/build/{build}`): in the extensions of the
/// answer. A fallback, a plugin's too, is none.
#[derive(Debug, Clone)]
pub struct Route(MatchedPath);

impl Route {
    /// Its text.
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
