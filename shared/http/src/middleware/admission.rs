//! Before a route: is there room, may this client, and later: which route was it, does its answer
//! fit.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Request, State},
    middleware::{Next, from_fn_with_state},
    response::Response,
};

use super::{concurrency::ConcurrencyLimit, response_limit::limited, route::noted};
use crate::{Access, HttpLimits, Needs, access};

/// What a request has to pass. Cheap to clone: clones share the number of requests that are worked
/// on.
#[derive(Clone)]
pub struct RouteGuard(Arc<Inner>);

struct Inner {
    concurrency: ConcurrencyLimit,
    access: Access,
    needs: Needs,
    response_bytes_max: Option<usize>,
}

impl RouteGuard {
    /// Within these limits, and for what the routes declare.
    pub fn new(access: Access, needs: Needs, limits: HttpLimits) -> Self {
        Self(Arc::new(Inner {
            access,
            needs,
            response_bytes_max: limits.response_bytes_max,
            concurrency: ConcurrencyLimit::new(limits),
        }))
    }

    /// Guards the routes that are there. A fallback is none of them.
    pub fn before_routes(&self, routes: Router) -> Router {
        routes.route_layer(from_fn_with_state(self.clone(), admit))
    }

    /// Guards everything, a fallback too.
    pub fn before_all(&self, routes: Router) -> Router {
        routes.layer(from_fn_with_state(self.clone(), admit))
    }
}

/// Lets a request in or refuses it, and puts its [`Route`](super::Route) on the answer.
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
