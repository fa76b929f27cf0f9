//! Headers as the tables keep them: `[{"name":"ce_id","value":"7"},{"name":"raw","base64":"AP8="},{"name":"none"}]`.

use serde::{Deserialize, Serialize};
use weir_model::{Header, Headers};

#[derive(Serialize, Deserialize)]
struct HeaderRow {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    base64: Option<String>,
}

/// Headers that were read back.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct OwnedHeaders(Vec<(String, Option<Vec<u8>>)>);

impl OwnedHeaders {
    /// As a record has them.
    pub fn view(&self) -> Headers<'_> {
        Headers(self.0.iter().map(|(name, value)| Header { name, value: value.as_deref() }).collect())
    }

    /// Reads what [`to_json`] wrote; text that it never wrote is none.
    pub fn from_json(json: &str) -> Self {
        let rows: Vec<HeaderRow> = serde_json::from_str(json).unwrap_or_default();
        let bytes = |row: &HeaderRow| match (&row.value, &row.base64) {
            (Some(text), _) => Some(text.clone().into_bytes()),
            (None, Some(base64)) => base64_simd::STANDARD.decode_to_vec(base64).ok(),
            (None, None) => None,
        };
        Self(rows.into_iter().map(|row| (bytes(&row), row)).map(|(value, row)| (row.name, value)).collect())
    }
}

/// The column's text; `None` for no headers.
pub fn to_json(headers: &Headers<'_>) -> Option<String> {
    if headers.is_empty() {
        return None;
    }
    let row = |h: &Header<'_>| {
        let text = h.value.map(std::str::from_utf8);
        HeaderRow {
            name: h.name.to_owned(),
            value: text.and_then(Result::ok).map(str::to_owned),
            base64: text.filter(Result::is_err).and(h.value).map(|v| base64_simd::STANDARD.encode_to_string(v)),
        }
    };
    serde_json::to_string(&headers.0.iter().map(row).collect::<Vec<_>>()).ok()
}
