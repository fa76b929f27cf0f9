//! Headers in the format of the tables:
//! `[{"name":"ce_id","value":"7"},{"name":"raw","base64":"AP8="},{"name":"none"}]`.
//!
//! Bytes that PostgreSQL cannot store as text are in base64: bytes that are not UTF-8, or with a
//! NUL, at which `->>` fails. Such a name is in `name_base64`.

use serde::{Deserialize, Serialize};
use weir_model::{Header, Headers};

#[derive(Serialize, Deserialize)]
struct HeaderRow {
    #[serde(skip_serializing_if = "Option::is_none", default)]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    name_base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    base64: Option<String>,
}

/// Headers that were read from a table.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct OwnedHeaders(Vec<(String, Option<Vec<u8>>)>);

impl OwnedHeaders {
    /// Returns the headers as a record has them.
    pub fn view(&self) -> Headers<'_> {
        Headers(
            self.0.iter().map(|(name, value)| Header { name, value: value.as_deref() }).collect(),
        )
    }

    /// Parses the output of [`to_json`]; returns no headers for any other text.
    pub fn from_json(json: &str) -> Self {
        let rows: Vec<HeaderRow> = serde_json::from_str(json).unwrap_or_default();
        let bytes = |text: Option<String>, base64: Option<String>| match (text, base64) {
            (Some(text), _) => Some(text.into_bytes()),
            (None, Some(base64)) => base64_simd::STANDARD.decode_to_vec(base64).ok(),
            (None, None) => None,
        };
        let name = |bytes: Option<Vec<u8>>| {
            String::from_utf8(bytes.unwrap_or_default()).unwrap_or_default()
        };
        Self(
            rows.into_iter()
                .map(|row| (name(bytes(row.name, row.name_base64)), bytes(row.value, row.base64)))
                .collect(),
        )
    }
}

/// Returns the text of the column; `None` for no headers.
pub fn to_json(headers: &Headers<'_>) -> Option<String> {
    if headers.is_empty() {
        return None;
    }
    let encoded = |bytes: &[u8]| match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => (Some(text.to_owned()), None),
        _ => (None, Some(base64_simd::STANDARD.encode_to_string(bytes))),
    };
    let row = |h: &Header<'_>| {
        let ((name, name_base64), (value, base64)) =
            (encoded(h.name.as_bytes()), h.value.map(encoded).unwrap_or_default());
        HeaderRow { name, name_base64, value, base64 }
    };
    serde_json::to_string(&headers.0.iter().map(row).collect::<Vec<_>>()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let all = [
            ("ce_id", Some(&b"7"[..])),
            ("raw", Some(&[0, 255][..])),
            ("none", None),
            ("nul", Some(&b"a\0b"[..])),
            ("a\0b", Some(&b""[..])),
        ];
        let headers =
            Headers(all.iter().map(|(name, value)| Header { name, value: *value }).collect());
        let json = to_json(&headers).unwrap();
        assert!(!json.contains("\\u0000"), "{json}");
        assert_eq!(OwnedHeaders::from_json(&json).view(), headers);
        assert_eq!(to_json(&Headers::default()), None);
    }
}
