//! Before a route of the API: is there room, may this client, and later: which route was it, does its answer fit.

use std::sync::Arc;

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::Response,
};

use super::{Route, fit::fit, limit::Gate};
use crate::{Access, ApiLimits, access};

/// What a request has to pass. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Door(Arc<Inner>);

struct Inner {
    gate: Gate,
    access: Access,
    response_bytes_max: Option<usize>,
}

impl Door {
    pub(crate) fn new(access: Access, limits: ApiLimits) -> Self {
        Self(Arc::new(Inner { access, response_bytes_max: limits.response_bytes_max, gate: Gate::new(limits) }))
    }
}

/// Lets a request in or refuses it, and puts its [`Route`] on the answer.
pub(crate) async fn enter(State(Door(door)): State<Door>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned().map(Route);
    let work = async |request| {
        let response = access::authorized(&door.access, request, next).await;
        match door.response_bytes_max {
            Some(bytes_max) => fit(bytes_max, response).await,
            None => response,
        }
    };
    let mut response = door.gate.limited(request, work).await;
    if let Some(route) = route {
        response.extensions_mut().insert(route);
    }
    response
}
