//! The checks around a route: the limit of concurrent requests and the client's key before it, the
//! route's name and the length of the answer after it.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Request, State},
    middleware::{Next, from_fn_with_state},
    response::Response,
};

use super::{concurrency::ConcurrencyLimit, response_limit::limited, route::noted};
use crate::{Access, HttpLimits, Needs, access};

/// The checks that a request has to pass. Cheap to clone; clones share the count of running
/// requests.
#[derive(Clone)]
pub struct RouteGuard(Arc<Inner>);

struct Inner {
    concurrency: ConcurrencyLimit,
    access: Access,
    needs: Needs,
    response_bytes_max: Option<usize>,
}

impl RouteGuard {
    /// Creates a guard with these limits, for the needs that the routes declare.
    pub fn new(access: Access, needs: Needs, limits: HttpLimits) -> Self {
        Self(Arc::new(Inner {
            access,
            needs,
            response_bytes_max: limits.response_bytes_max,
            concurrency: ConcurrencyLimit::new(limits),
        }))
    }

    /// Guards the existing routes. A fallback is not guarded.
    pub fn before_routes(&self, routes: Router) -> Router {
        routes.route_layer(from_fn_with_state(self.clone(), admit))
    }

    /// Guards all routes and a fallback.
    pub fn before_all(&self, routes: Router) -> Router {
        routes.layer(from_fn_with_state(self.clone(), admit))
    }
}

/// Admits or refuses a request, and puts its [`Route`](super::Route) on the answer.
async fn admit(
    State(RouteGuard(guard)): State<RouteGuard>,
    request: Request,
    next: Next,
) -> Response {
    let work = async |request| {
        let response = access::checked(&guard.access, &guard.needs, request, next).await;
        match guard.response_bytes_max {
            Some(bytes_max) => limited(bytes_max, response).await,
            None => response,
        }
    };
    noted(request, |request| guard.concurrency.limited(request, work)).await
}
