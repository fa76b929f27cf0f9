//! Which route a request took: for what counts answers from outside, where only the path is known.

use axum::{
    extract::{MatchedPath, Request},
    middleware::Next,
    response::Response,
};

/// The route that a request took, as the router has it (`/build/{build}`): in the extensions of the answer.
/// A fallback, a plugin's too, is none.
#[derive(Debug, Clone)]
pub struct Route(MatchedPath);

impl Route {
    /// Its text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

/// [`noted`] as a layer, for routes that `enter` does not stand before.
pub(crate) async fn note_route(request: Request, next: Next) -> Response {
    noted(request, |request| next.run(request)).await
}

/// Puts the [`Route`] on the answer.
pub(super) async fn noted<F: Future<Output = Response>>(request: Request, work: impl FnOnce(Request) -> F) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned().map(Route);
    let mut response = work(request).await;
    if let Some(route) = route {
        response.extensions_mut().insert(route);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::World;

    #[tokio::test]
    async fn the_answer_names_the_route() {
        let world = World::without_database();
        for (path, route) in [
            ("/ping", Some("/ping")),
            ("/ping/", Some("/ping")),
            ("/build/5a3b9c00-0000-4000-8000-000000000001?x=1", Some("/build/{build}")),
            ("/v1/builds?limit=none", Some("/v1/builds")),
            ("/docs/nothing", Some("/docs/{*file}")),
            ("/plugins/daily_totals?limit=none", Some("/plugins/daily_totals")),
            ("/nowhere", None),
            ("/plugins/daily_totals/nothing", None),
        ] {
            let answer = world.begin(path).await;
            assert_eq!(answer.extensions().get::<Route>().map(Route::as_str), route, "{path} {}", answer.status());
        }
    }
}
