//! Converts an event of API Gateway into a request of the router.

use axum::{
    body::Body,
    extract::Request,
    http::{
        HeaderName, HeaderValue, Uri,
        header::{ACCEPT_ENCODING, CONTENT_LENGTH},
    },
};
use lambda_http::{
    RequestExt,
    request::RequestContext::{ApiGatewayV1, ApiGatewayV2},
};

use super::path::{self, BasePath, RoutePaths};
use crate::SourceIp;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Returns the request, with the path in the form of the routes.
///
/// The extensions contain the client's path before the API's own path as [`Prefix`](crate::Prefix),
/// and the client's address as [`SourceIp`]. Accepts payload formats 1.0 and 2.0.
pub(crate) fn into_request(
    event: lambda_http::Request,
    base_path: &BasePath,
    routes: &RoutePaths,
) -> Request {
    let (prefix, path) = path::split(&event, base_path, routes);
    let uri = event
        .uri()
        .query()
        .map_or_else(|| path.clone(), |query| [&path, "?", query].concat())
        .parse::<Uri>();
    let source_ip = match event.request_context_ref() {
        Some(ApiGatewayV1(context)) => context.identity.source_ip.as_deref(),
        Some(ApiGatewayV2(context)) => context.http.source_ip.as_deref(),
        _ => None,
    };
    let source_ip = source_ip.and_then(|ip| ip.parse().ok()).map(SourceIp);
    let is_rest = matches!(event.request_context_ref(), Some(ApiGatewayV1(_)));
    let id = event
        .lambda_context_ref()
        .and_then(|context| HeaderValue::try_from(&context.request_id).ok());
    let (mut parts, body) = event.into_parts();
    // A path that is not a valid URI is not a route either.
    parts.uri = uri.unwrap_or_else(|_| Uri::from_static("/-"));
    parts.extensions.insert(prefix);
    if let Some(source_ip) = source_ip {
        parts.extensions.insert(source_ip);
    }
    // Lambda's own log lines have this id.
    if let Some(id) = id.filter(|_| !parts.headers.contains_key(REQUEST_ID)) {
        parts.headers.insert(REQUEST_ID, id);
    }
    // The client may have sent the body in chunks, without a length.
    parts.headers.insert(CONTENT_LENGTH, body.len().into());
    // A REST API passes base64 on to the client without decoding it, unless it has a list of binary
    // media types. The REST API can compress the answer instead.
    if is_rest {
        parts.headers.remove(ACCEPT_ENCODING);
    }
    Request::from_parts(parts, Body::new(body))
}
