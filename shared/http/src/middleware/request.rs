//! The steps around all routes: the trailing slash, the problem body of an error, compression, the
//! request's id and its line in the log.

use std::{convert::Infallible, future::ready};

use super::{access_log::Logging, problem_body::rendered, trailing_slash::trim_trailing_slash};
use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{ACCEPT_ENCODING, VARY},
    },
    response::{IntoResponse, Response},
};
use tower::{ServiceExt, service_fn};
use tower_http::compression::{
    Compression,
    predicate::{DefaultPredicate, NotForContentType, Predicate},
};
use tracing::Instrument;

use crate::{Problem, ProblemCode};

/// Marks a request without exactly one valid host, in its extensions. Such a request is refused.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InvalidHost;

/// Media types of files that are already compressed: the files of dumps.
const COMPRESSED: [&str; 2] = ["application/gzip", "application/vnd.apache.parquet"];

/// Handles one request, from its first byte to the end of the answer's body.
pub(super) async fn handled(routes: Router, mut request: Request) -> Result<Response, Infallible> {
    let logging = Logging::begin(&request);
    trim_trailing_slash(&mut request);
    let (method, path) = (request.method().clone(), request.uri().path());
    let for_phobos = path == "/v1" || path.starts_with("/v1/");
    let encodings: Vec<HeaderValue> =
        request.headers().get_all(ACCEPT_ENCODING).iter().cloned().collect();
    let work = async {
        let mut response = match request.extensions().get() {
            Some(InvalidHost) => no_host(),
            None => routes.oneshot(request).await?,
        };
        if response.status().is_client_error() || response.status().is_server_error() {
            response = rendered(method, for_phobos, response).await;
        }
        compressed(encodings, response).await
    };
    let response = work.instrument(logging.span()).await?;
    Ok(logging.end(response))
}

fn no_host() -> Response {
    let (code, detail) = (
        ProblemCode::InvalidHost,
        "the header Host is missing, is sent twice, or is not a valid host name",
    );
    Problem {
        status: StatusCode::BAD_REQUEST,
        code,
        detail: detail.into(),
        hint: "send the header Host once, for example localhost:3000".into(),
    }
    .into_response()
}

fn worth_compressing() -> impl Predicate {
    let [gzip, parquet] = COMPRESSED.map(NotForContentType::const_new);
    DefaultPredicate::new().and(gzip).and(parquet)
}

/// Compresses the answer in an encoding that the client accepts.
async fn compressed(
    encodings: Vec<HeaderValue>,
    mut response: Response,
) -> Result<Response, Infallible> {
    if encodings.is_empty() {
        // tower-http adds this header to every answer that it would compress for another client.
        response.headers_mut().append(VARY, HeaderValue::from_static("accept-encoding"));
        return Ok(response);
    }
    let mut request = Request::new(());
    *request.headers_mut() =
        encodings.into_iter().map(|value| (ACCEPT_ENCODING, value)).collect::<HeaderMap>();
    let mut response = Some(response);
    let answer = service_fn(|_: Request<()>| {
        ready(Ok::<_, Infallible>(response.take().unwrap_or_default()))
    });
    Ok(Compression::new(answer)
        .compress_when(worth_compressing())
        .oneshot(request)
        .await?
        .map(Body::new))
}
