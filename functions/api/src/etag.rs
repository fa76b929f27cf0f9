//! ETag and If-None-Match (RFC 9110, 8.8.3 and 13.1.2): answers 304 when the client already has the
//! body.

use std::convert::Infallible;

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use xxhash_rust::xxh3::xxh3_128;

/// The values of the request's If-None-Match header.
pub(crate) struct IfNoneMatch(Vec<HeaderValue>);

impl From<&HeaderMap> for IfNoneMatch {
    fn from(headers: &HeaderMap) -> Self {
        Self(headers.get_all(header::IF_NONE_MATCH).iter().cloned().collect())
    }
}

impl<S: Sync> FromRequestParts<S> for IfNoneMatch {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok((&parts.headers).into())
    }
}

/// Returns the JSON with its tag, or 304 when the client has it.
pub(crate) fn answer(IfNoneMatch(known): &IfNoneMatch, json: Vec<u8>) -> Response {
    // A weak tag, because the same body is also sent compressed.
    let tag = format!("W/\"{:032x}\"", xxh3_128(&json));
    let known = known.iter().filter_map(|value| value.to_str().ok());
    let known = known
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|given| given == "*" || opaque(given) == opaque(&tag));
    let tag = [(
        header::ETAG,
        HeaderValue::try_from(tag).unwrap_or_else(|_| HeaderValue::from_static("\"\"")),
    )];
    if known {
        return (StatusCode::NOT_MODIFIED, tag).into_response();
    }
    (tag, [(header::CONTENT_TYPE, "application/json")], json).into_response()
}

/// Removes the mark of weakness, which this comparison ignores.
fn opaque(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_client_has_is_not_sent_again() {
        let ask = |tags: &str| {
            answer(
                &(&HeaderMap::from_iter([(header::IF_NONE_MATCH, tags.parse().unwrap())])).into(),
                b"{}".to_vec(),
            )
        };
        let first = answer(&(&HeaderMap::new()).into(), b"{}".to_vec());
        assert_eq!(first.status(), StatusCode::OK);
        let tag = first.headers()[header::ETAG].to_str().unwrap();
        for tags in [tag, &tag[2..], &format!("\"x\", {tag}"), "*"] {
            assert_eq!(ask(tags).status(), StatusCode::NOT_MODIFIED, "{tags}");
            assert_eq!(ask(tags).headers()[header::ETAG], tag);
        }
        for tags in ["\"x\"", "", "W/\"\""] {
            assert_eq!(ask(tags).status(), StatusCode::OK, "{tags}");
        }
    }
}
