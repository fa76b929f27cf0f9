//! The request's id, and its line in the access log.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    net::SocketAddr,
    pin::Pin,
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Instant,
};

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::{ConnectInfo, Request},
    http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, StatusCode},
    response::Response,
};
use http_body::{Frame, SizeHint};
use tracing::{Span, info_span};

use crate::{KeyName, SourceIp};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The most characters of a client's request id. A longer id is replaced by a new one.
const REQUEST_ID_LENGTH_MAX: usize = 128;
/// The most characters of a path in the log. The query is never logged: clients put keys there.
const PATH_LENGTH_MAX: usize = 256;
/// The paths that programs request every few seconds. Their lines have the level debug.
const PROBES: [&str; 4] = ["/livez", "/readyz", "/healthz", "/metrics"];

/// A running request, for the log. Keeps the client's request id or creates one.
pub(super) struct Logging {
    id: HeaderValue,
    line: Line,
}

impl Logging {
    pub(super) fn begin(request: &Request) -> Self {
        let id = given_id(request.headers()).unwrap_or_else(new_id);
        let path = request.uri().path();
        let line = Line {
            remote: remote(request.extensions()),
            method: request.method().clone(),
            // A path is ASCII, so the cut is on a character boundary.
            path: path.get(..PATH_LENGTH_MAX).unwrap_or(path).to_owned(),
            key: None,
            status: StatusCode::OK,
            bytes: 0,
            begun: Instant::now(),
            span: info_span!("request", id = id.to_str().unwrap_or_default()),
        };
        Self { id, line }
    }

    /// Returns the span for all log events of the request.
    pub(super) fn span(&self) -> Span {
        self.line.span.clone()
    }

    /// Adds the id to the answer. The line is written when the body is sent.
    pub(super) fn end(self, response: Response) -> Response {
        let Self { id, mut line } = self;
        line.status = response.status();
        line.key = response.extensions().get().cloned();
        let mut response = response.map(|inner| Body::new(Logged { inner, cut: false, line }));
        response.headers_mut().insert(REQUEST_ID, id);
        response
    }
}

/// Returns the client's address: the gateway's source IP, otherwise the peer of the connection.
fn remote(extensions: &Extensions) -> Option<String> {
    let connection =
        || extensions.get().map(|ConnectInfo::<SocketAddr>(address)| address.to_string());
    extensions.get().map(|SourceIp(ip)| ip.to_string()).or_else(connection)
}

fn given_id(headers: &HeaderMap) -> Option<HeaderValue> {
    let id = headers.get(REQUEST_ID)?;
    let plain = id.as_bytes().iter().all(u8::is_ascii_graphic);
    (plain && (1..=REQUEST_ID_LENGTH_MAX).contains(&id.len())).then(|| id.clone())
}

/// Returns a unique id: a random number of this process, and a counter.
fn new_id() -> HeaderValue {
    static PROCESS: LazyLock<u64> = LazyLock::new(|| RandomState::new().build_hasher().finish());
    static COUNT: AtomicU64 = AtomicU64::new(1);
    let id = format!("{:016x}-{}", *PROCESS, COUNT.fetch_add(1, Ordering::Relaxed));
    HeaderValue::try_from(id).unwrap_or_else(|_| HeaderValue::from_static("none"))
}

/// The fields of an access log line.
struct Line {
    remote: Option<String>,
    method: Method,
    path: String,
    /// The name of the key.
    key: Option<KeyName>,
    status: StatusCode,
    bytes: u64,
    begun: Instant,
    span: Span,
}

/// A body that counts its bytes. The line is written when the body is dropped, sent or not.
struct Logged {
    inner: Body,
    cut: bool,
    line: Line,
}

impl HttpBody for Logged {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(cx);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                self.line.bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
            }
            Poll::Ready(Some(Err(_))) => self.cut = true,
            _ => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Drop for Logged {
    fn drop(&mut self) {
        let Line { remote, method, path, key, status, bytes, begun, span } = &self.line;
        let ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let key = key.as_ref().map(tracing::field::display);
        let cut = self.cut.then_some(true);
        let status = status.as_u16();
        if PROBES.contains(&path.as_str()) {
            tracing::debug!(target: "weir_api::access", parent: span, remote, %method, path, key, status, bytes, ms, cut, "request");
        } else {
            tracing::info!(target: "weir_api::access", parent: span, remote, %method, path, key, status, bytes, ms, cut, "request");
        }
    }
}
