//! Before a route of the API: is there room, may this client, and later: which route was it, does its answer fit.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};

use super::{fit::fit, limit::Gate, route::noted};
use crate::{Access, ApiLimits, Dumps, access};

/// What a request has to pass. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Door(Arc<Inner>);

struct Inner {
    gate: Gate,
    access: Access,
    dumps: Dumps,
    response_bytes_max: Option<usize>,
}

impl Door {
    pub(crate) fn new(access: Access, dumps: Dumps, limits: ApiLimits) -> Self {
        Self(Arc::new(Inner { access, dumps, response_bytes_max: limits.response_bytes_max, gate: Gate::new(limits) }))
    }
}

/// Lets a request in or refuses it, and puts its [`Route`](super::Route) on the answer.
pub(crate) async fn enter(State(Door(door)): State<Door>, request: Request, next: Next) -> Response {
    let work = async |request| {
        let response = access::authorized(&door.access, Some(&door.dumps), request, next).await;
        match door.response_bytes_max {
            Some(bytes_max) => fit(bytes_max, response).await,
            None => response,
        }
    };
    noted(request, |request| door.gate.limited(request, work)).await
}
