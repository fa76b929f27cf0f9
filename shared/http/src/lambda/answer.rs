//! Converts an answer of the router into Lambda's response to API Gateway.

use std::{future::ready, pin::Pin};

use axum::{
    body::to_bytes,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header::SET_COOKIE},
    response::Response,
};
use lambda_http::{Body, IntoResponse};

/// The longest body before compression.
///
/// Lambda's response has at most 6 MB (6,291,556 bytes), all of it one JSON text. In a text, a
/// quote, a backslash or a line break takes two bytes there. In base64, three bytes take four. So a
/// body of this length fits in both forms, with room for the headers.
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
pub const RESPONSE_BYTES_MAX: usize = 3_000_000;
/// The longest text after escaping for JSON.
const TEXT_BYTES_MAX: usize = 2 * RESPONSE_BYTES_MAX;

/// The response to API Gateway.
pub struct Answer(Response<Body>);

impl Answer {
    /// Collects the body of a response.
    ///
    /// API Gateway passes text on unchanged and decodes every other body from base64. The bytes
    /// decide whether a body is text: `lambda_http` has a list of content types instead, and NDJSON
    /// is not in it.
    pub async fn of(response: Response) -> Result<Self, axum::Error> {
        let (mut parts, body) = response.into_parts();
        // The router has limited the length.
        let bytes = Vec::from(to_bytes(body, usize::MAX).await?);
        join_lines(&mut parts.headers);
        let body = match String::from_utf8(bytes) {
            Ok(text) if text.is_empty() => Body::Empty,
            Ok(text) if bytes_in_json(&text) <= TEXT_BYTES_MAX => Body::Text(text),
            Ok(text) => Body::Binary(text.into_bytes()),
            Err(other) => Body::Binary(other.into_bytes()),
        };
        Ok(Self(Response::from_parts(parts, body)))
    }

    /// Returns the status.
    pub fn status(&self) -> StatusCode {
        self.0.status()
    }

    /// Returns the length of the body in bytes, as the client receives it.
    pub fn bytes(&self) -> usize {
        self.0.body().len()
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Pin<Box<dyn Future<Output = Response<Body>> + Send>> {
        Box::pin(ready(self.0))
    }
}

/// Joins values of the same name into one line (RFC 9110, 5.3).
///
/// Payload format 2.0 has one value per name, and `lambda_http` takes the first value. Cookies have
/// a separate field.
fn join_lines(headers: &mut HeaderMap) {
    let is_several =
        |name: &&HeaderName| *name != SET_COOKIE && headers.get_all(*name).iter().nth(1).is_some();
    let several: Vec<HeaderName> = headers.keys().filter(is_several).cloned().collect();
    for name in several {
        let lines: Vec<&[u8]> = headers.get_all(&name).iter().map(HeaderValue::as_bytes).collect();
        if let Ok(line) = HeaderValue::from_bytes(&lines.join(&b", "[..])) {
            headers.insert(name, line);
        }
    }
}

/// Returns the length of a text in JSON, at most.
fn bytes_in_json(text: &str) -> usize {
    let length = |byte| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' => 2,
        0..0x20 => 6,
        _ => 1,
    };
    text.bytes().map(length).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn body_of(body: impl Into<axum::body::Body>) -> Body {
        Answer::of(Response::new(body.into())).await.unwrap().0.into_body()
    }

    fn in_json(body: &Body) -> usize {
        serde_json::to_string(body).unwrap().len()
    }

    #[tokio::test]
    async fn the_longest_answer_fits_however_it_goes_out() {
        let lambda = 6_291_556 - 100_000;
        for text in ["a", "\"", "\\", "\n", "\u{1}", "\u{7f}", "é", "{\"a\":1}\n"] {
            let body = body_of(text.repeat(RESPONSE_BYTES_MAX / text.len())).await;
            assert_eq!(matches!(body, Body::Text(_)), text != "\u{1}", "{text:?}");
            assert!(in_json(&body) < lambda, "{text:?} {}", in_json(&body));
        }
        let body = body_of(vec![0xff; RESPONSE_BYTES_MAX]).await;
        assert!(matches!(body, Body::Binary(_)) && in_json(&body) < lambda);
        assert!(matches!(body_of("").await, Body::Empty));
    }

    #[test]
    fn a_text_is_measured_as_json_has_it() {
        let text: String = (0..0x100).filter_map(char::from_u32).collect();
        let in_json = serde_json::to_string(&text).unwrap().len() - 2;
        // `\b` and `\f` have short forms in JSON, which the estimate ignores.
        assert_eq!(bytes_in_json(&text), in_json + 8);
    }

    #[test]
    fn values_of_one_name_stand_in_one_line_but_cookies() {
        let pairs = [
            ("vary", "accept"),
            ("vary", "accept-encoding"),
            ("link", "<x>"),
            ("set-cookie", "a=1"),
            ("set-cookie", "b=2"),
        ];
        let mut all = HeaderMap::new();
        for (name, value) in pairs {
            all.append(name, HeaderValue::from_static(value));
        }
        join_lines(&mut all);
        assert_eq!(
            (&all["vary"], &all["link"]),
            (
                &HeaderValue::from_static("accept, accept-encoding"),
                &HeaderValue::from_static("<x>")
            )
        );
        assert_eq!(all.get_all("set-cookie").iter().count(), 2);
        assert_eq!(all.len(), 4);
    }
}
