//! Builds JSON bodies as bytes, directly from rows.

use axum::{
    http::header,
    response::{IntoResponse, Response},
};
use base64_simd::STANDARD;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use std::borrow::Cow;
use tokio_postgres::types::{FromSql, Type, accepts};
use weir_model::{
    Micros,
    value::{Frame, INFLATED_BYTES_MAX},
};

/// Bytes that are mostly text. UTF-8 is kept as text, other bytes become base64.
pub(crate) enum Text<'a> {
    /// UTF-8.
    Plain(&'a str),
    /// Anything else.
    Base64(String),
}

impl<'a> From<&'a [u8]> for Text<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        std::str::from_utf8(bytes)
            .map_or_else(|_| Self::Base64(STANDARD.encode_to_string(bytes)), Self::Plain)
    }
}

impl Text<'_> {
    /// Returns the text or the base64.
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Plain(text) => text,
            Self::Base64(text) => text,
        }
    }

    /// Returns `base64` if the bytes are not UTF-8.
    pub(crate) fn encoding(&self) -> Option<&'static str> {
        matches!(self, Self::Base64(_)).then_some("base64")
    }
}

impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Parses the JSON text of a `json` or `jsonb` column.
pub(crate) fn column_json(text: Option<&str>) -> Option<Cow<'_, RawValue>> {
    text.and_then(|t| serde_json::from_str(t).ok()).map(Cow::Borrowed)
}

/// Returns the JSON in a record's value, with or without a schema registry's frame. `None` when the
/// value is not JSON.
pub(crate) fn value_json(value: Option<&[u8]>) -> Option<Cow<'_, RawValue>> {
    let value = value?;
    match Frame::of(value) {
        None => serde_json::from_slice(value).ok().map(Cow::Borrowed),
        Some(frame) => {
            serde_json::from_slice(&frame.body(INFLATED_BYTES_MAX).ok()?).ok().map(Cow::Owned)
        }
    }
}

/// Returns a response with a JSON body.
pub(crate) fn response(json: Vec<u8>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], json).into_response()
}

/// Appends a value as JSON.
pub(crate) fn append(out: &mut Vec<u8>, value: &impl Serialize) {
    // Writing into memory does not fail, and all of our types can be serialized.
    if let Err(error) = serde_json::to_writer(out, value) {
        tracing::error!(%error, "writing JSON");
    }
}

/// Appends an instant, as RFC 3339 in UTC with milliseconds.
pub(crate) fn append_instant(out: &mut Vec<u8>, instant: Micros) {
    out.push(b'"');
    out.extend_from_slice(instant.rfc3339_millis().as_bytes());
    out.push(b'"');
}

/// Appends a number as JavaScript writes it, a whole number without `.0`. NaN and infinities become
/// null.
pub(crate) fn append_number(out: &mut Vec<u8>, number: f64) {
    append(out, &number);
    if out.ends_with(b".0") {
        out.truncate(out.len() - 2);
    }
}

/// The text of a `json` or `jsonb` column, without a copy.
pub(crate) struct JsonText<'a>(pub(crate) &'a str);

impl<'a> FromSql<'a> for JsonText<'a> {
    fn from_sql(
        of: &Type,
        raw: &'a [u8],
    ) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        // A jsonb value begins with the number of its format, which has always been 1.
        let text = if *of == Type::JSONB {
            raw.strip_prefix(&[1]).ok_or("an unknown format of jsonb")?
        } else {
            raw
        };
        Ok(Self(std::str::from_utf8(text)?))
    }

    accepts!(JSON, JSONB);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(value: &[u8]) -> Option<String> {
        value_json(Some(value)).map(|json| json.get().to_owned())
    }

    #[test]
    fn honest_json_is_shown_as_it_came() {
        let deep = ["[".repeat(10_000), "]".repeat(10_000)].concat();
        for json in [r#"{"a":"\u0000"}"#, r#"["\ud800"]"#, "1e200000", "{ }", &deep] {
            assert_eq!(shown(json.as_bytes()).as_deref(), Some(json));
        }
    }

    #[test]
    fn json_in_a_frame_comes_out_of_it() {
        assert_eq!(shown(b"\0\0\0\0\x07{\"a\":\"\\u0000\"}").as_deref(), Some(r#"{"a":"\u0000"}"#));
        let glue = [&[3, 0], [7; 16].as_slice(), b"1e200000"].concat();
        assert_eq!(shown(&glue).as_deref(), Some("1e200000"));
    }

    #[test]
    fn a_value_that_is_not_json_is_not_shown_as_json() {
        for value in
            [b"" as &[u8], b"{", b"\xff", b"\"\xff\"", b"\0\0\0\0\x07\x02\x08avro", b"{} {}"]
        {
            assert_eq!(shown(value), None, "{value:?}");
        }
        assert!(value_json(None).is_none());
    }
}
