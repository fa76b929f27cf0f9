//! The access check of the routes of dumps: public dumps need no key.

use axum::{
    extract::{Request, State},
    http::header::AUTHORIZATION,
    middleware::Next,
    response::Response,
};
use weir_http::{Access, Scope, authorized};

use crate::ApiState;

/// Marks a request without a key, which may only see public dumps.
#[derive(Clone, Copy)]
pub(crate) struct PublicOnly;

/// Checks access before the routes of dumps: a key with the scope `read`, unless the requested
/// dumps are public.
///
/// If the API has no keys, public dumps make no difference, and requests from foreign web pages are
/// still refused.
pub(crate) async fn check_or_public(
    State(state): State<ApiState>,
    mut request: Request,
    next: Next,
) -> Response {
    if matches!(state.access, Access::Keys(_)) && !state.dumps.public().is_empty() {
        // The path is `/dumps` or `/dumps/{model}/…`. Names of models need no percent escapes, so a
        // name with an escape is not a model.
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
