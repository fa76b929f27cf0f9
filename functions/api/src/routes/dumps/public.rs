//! The routes' own check: dumps that are public need no key.

use axum::{
    extract::{Request, State},
    http::header::AUTHORIZATION,
    middleware::Next,
    response::Response,
};
use weir_http::{Access, Scope, authorized};

use crate::ApiState;

/// Set on a request that shows no key and may see what is public.
#[derive(Clone, Copy)]
pub(crate) struct PublicOnly;

/// Before the routes of dumps: a key with the scope `read`, unless what is asked for is public.
/// Without keys there is nothing to open, and foreign pages are refused all the same.
pub(crate) async fn check_or_public(
    State(state): State<ApiState>,
    mut request: Request,
    next: Next,
) -> Response {
    if matches!(state.access, Access::Keys(_)) && !state.dumps.public().is_empty() {
        // `/dumps`, or `/dumps/{model}/…`. Names of models need no percent signs, so one with them
        // is none of these.
        match request.uri().path().split('/').nth(2) {
            None if !request.headers().contains_key(AUTHORIZATION) => {
                request.extensions_mut().insert(PublicOnly);
                return next.run(request).await;
            }
            Some(model) if state.dumps.is_public(model) => return next.run(request).await,
            _ => {}
        }
    }
    authorized(&state.access, Scope::Read, request, next).await
}
