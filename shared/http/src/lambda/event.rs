//! An event of API Gateway becomes a request of the router.

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

use super::path::{self, BasePath};
use crate::SourceIp;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The request: its path as the routes have it, what comes before that for the client as
/// [`Prefix`](crate::Prefix), and who asks as [`SourceIp`]. Takes payload formats 1.0 and 2.0.
pub(crate) fn into_request(event: lambda_http::Request, base_path: &BasePath) -> Request {
    let (prefix, path) = path::split(&event, base_path);
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
    // What cannot be written as a URI is no route either.
    parts.uri = uri.unwrap_or_else(|_| Uri::from_static("/-"));
    parts.extensions.insert(prefix);
    if let Some(source_ip) = source_ip {
        parts.extensions.insert(source_ip);
    }
    // Lambda's own lines in the log have this id.
    if let Some(id) = id.filter(|_| !parts.headers.contains_key(REQUEST_ID)) {
        parts.headers.insert(REQUEST_ID, id);
    }
    // The gateway may have taken it in pieces.
    parts.headers.insert(CONTENT_LENGTH, body.len().into());
    // A REST API hands base64 on to the client as it is, unless it was told of binary media types;
    // it can compress by itself.
    if is_rest {
        parts.headers.remove(ACCEPT_ENCODING);
    }
    Request::from_parts(parts, Body::new(body))
}
