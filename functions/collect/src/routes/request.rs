//! Checks of a request before its body is read.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderMap, HeaderName, StatusCode, header},
};
use weir_http::ProblemCode;

use super::{CollectError, Shared, places::Place};
use crate::{
    body::{BodyLimits, Pieces},
    splitting::VALUE_BYTES_MAX,
};

/// A request whose body may be read.
pub(crate) struct Taken<'s> {
    pub(crate) headers: HeaderMap,
    pub(crate) pieces: Pieces,
    /// The lowest rate for a body that is read as a whole, in bytes a second.
    rate_min: u32,
    place: Place<'s>,
}

/// A request whose body was received completely.
pub(crate) struct Whole<'s> {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    /// Held until the answer, because the body needs memory until then.
    _place: Place<'s>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sender {
    /// The API key was checked before the body is read.
    Known,
    /// The sender has no API key. Its signature can be checked only when the whole body was
    /// received.
    Unkeyed,
}

impl Shared {
    /// Accepts a request. The error is too many bodies at once, or an unsupported content coding.
    pub(crate) fn take(&self, request: Request, sender: Sender) -> Result<Taken<'_>, CollectError> {
        let (parts, body) = request.into_parts();
        let place = match sender {
            Sender::Known => self.places.known(),
            Sender::Unkeyed => {
                self.places.unkeyed(self.limits.proxies.client(&parts.extensions, &parts.headers))
            }
        };
        let place = place.map_err(|detail| {
            CollectError::new(
                StatusCode::SERVICE_UNAVAILABLE,
                ProblemCode::Busy,
                detail,
                "send the body again after the time in Retry-After",
            )
        })?;
        let pieces = pieces(&parts.headers, body, self.limits.body())?;
        Ok(Taken { headers: parts.headers, pieces, rate_min: self.limits.collect_min_rate, place })
    }
}

impl<'s> Taken<'s> {
    /// Returns the whole body, which must not be longer than [`VALUE_BYTES_MAX`].
    pub(crate) async fn whole(self) -> Result<Whole<'s>, CollectError> {
        let body = self
            .pieces
            .whole(VALUE_BYTES_MAX, self.rate_min)
            .await
            .map_err(|fault| CollectError::body(&fault))?;
        Ok(Whole { headers: self.headers, body, _place: self.place })
    }
}

/// Returns the time since 1970.
#[expect(clippy::disallowed_methods, reason = "this code reads the system clock")]
pub(crate) fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn pieces(headers: &HeaderMap, body: Body, limits: BodyLimits) -> Result<Pieces, CollectError> {
    let is_gzip =
        match one(headers, &header::CONTENT_ENCODING)?.map(str::to_ascii_lowercase).as_deref() {
            None | Some("" | "identity") => false,
            Some("gzip" | "x-gzip") => true,
            Some(_) => {
                return Err(CollectError::new(
                    StatusCode::UNSUPPORTED_MEDIA_TYPE,
                    ProblemCode::UnsupportedContentEncoding,
                    "the body has an unsupported Content-Encoding",
                    "send the body without compression, or with Content-Encoding: gzip",
                ));
            }
        };
    if let (Some(bytes_max), Some(length)) = (
        limits.bytes_max,
        one(headers, &header::CONTENT_LENGTH)?.and_then(|l| l.parse::<u64>().ok()),
    ) && length > bytes_max
    {
        return Err(CollectError::body(&crate::body::BodyFault::TooLong { bytes_max }));
    }
    // A sender that waits for `100 Continue` is not silent.
    Ok(Pieces::new(
        body,
        BodyLimits { idle: limits.idle.max(Duration::from_secs(1)), ..limits },
        is_gzip,
    ))
}

/// Returns the text of a header that must not occur more than once.
pub(crate) fn one<'h>(
    headers: &'h HeaderMap,
    name: &HeaderName,
) -> Result<Option<&'h str>, CollectError> {
    let mut all = headers.get_all(name).iter();
    let first = all.next();
    let text = first.map_or(Some(""), |value| value.to_str().ok()).map(str::trim);
    match text {
        Some(text) if all.next().is_none() => Ok(first.map(|_| text)),
        _ => Err(CollectError::new(
            StatusCode::BAD_REQUEST,
            ProblemCode::InvalidHeader,
            format!("the header {name} is sent twice, or is not a text"),
            "send the header once, in ASCII",
        )),
    }
}

/// Returns the media type of the body, in lower case and without its parameters.
pub(crate) fn media_type(headers: &HeaderMap) -> Result<Option<String>, CollectError> {
    let text = one(headers, &header::CONTENT_TYPE)?;
    Ok(text
        .map(|text| text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
        .filter(|text| !text.is_empty()))
}

/// Returns the media type. Any other than `expected` is an error.
pub(crate) fn expect(headers: &HeaderMap, expected: &[&str]) -> Result<String, CollectError> {
    let given = media_type(headers)?;
    match given {
        Some(given) if expected.contains(&given.as_str()) => Ok(given),
        given => Err(CollectError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            ProblemCode::UnsupportedMediaType,
            match given {
                Some(given) => {
                    format!("the body has the Content-Type {}", weir_model::excerpt(&given))
                }
                None => "the body has no Content-Type".to_owned(),
            },
            format!("send the body as Content-Type: {}", expected.join(" or ")),
        )),
    }
}
