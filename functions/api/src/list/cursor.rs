//! Cursors: the end of a page. A cursor is opaque for the client and is checked when it comes back.

use base64_simd::URL_SAFE_NO_PAD;
use serde_json::Value as Json;
use uuid::Uuid;
use weir_model::{Micros, listing::ColumnKind};
use xxhash_rust::xxh3::xxh3_64;

use super::Value;

/// Maximum length of a cursor.
const LENGTH_MAX: usize = 4096;
const CHECK_BYTES: usize = 4;

/// Returns the cursor for a key: a checksum, the list's name and the key's parts.
///
/// The checksum detects a truncated cursor. It does not protect anything: a forged cursor begins a
/// page at another position of the same list, as a filter would.
pub(super) fn encode(list: &str, key: &[Value]) -> String {
    let parts = key.iter().map(|part| match part {
        Value::Uuid(uuid) => uuid.to_string().into(),
        Value::Text(text) => text.as_str().into(),
        Value::Int4(number) => (*number).into(),
        Value::Int8(number) => (*number).into(),
        Value::Instant(instant) => instant.0.into(),
        Value::Bool(bool) => (*bool).into(),
        Value::Null | Value::Texts(_) => Json::Null,
    });
    let body = Json::Array([list.into()].into_iter().chain(parts).collect()).to_string();
    let mut bytes = check(body.as_bytes()).to_vec();
    bytes.extend_from_slice(body.as_bytes());
    URL_SAFE_NO_PAD.encode_to_string(bytes)
}

/// Returns the key in a cursor of this list. `None` when the cursor is not valid.
pub(super) fn decode(text: &str, list: &str, kinds: &[ColumnKind]) -> Option<Vec<Value>> {
    let bytes =
        URL_SAFE_NO_PAD.decode_to_vec(Some(text).filter(|t| t.len() <= LENGTH_MAX)?).ok()?;
    let (checked, body) = bytes.split_at_checked(CHECK_BYTES)?;
    let parts: Vec<Json> =
        serde_json::from_slice(Some(body).filter(|b| check(b) == checked)?).ok()?;
    let (name, parts) = parts.split_first()?;
    if name != list || parts.len() != kinds.len() {
        return None;
    }
    parts.iter().zip(kinds).map(|(part, kind)| value(part, *kind)).collect()
}

fn value(part: &Json, kind: ColumnKind) -> Option<Value> {
    Some(match kind {
        ColumnKind::Uuid => Value::Uuid(Uuid::try_parse(part.as_str()?).ok()?),
        ColumnKind::Text => Value::Text(part.as_str().filter(|t| !t.contains('\0'))?.to_owned()),
        ColumnKind::Int4 => Value::Int4(i32::try_from(part.as_i64()?).ok()?),
        ColumnKind::Int8 => Value::Int8(part.as_i64()?),
        ColumnKind::Bool => Value::Bool(part.as_bool()?),
        ColumnKind::Instant => Value::Instant(Micros(part.as_i64()?)),
        ColumnKind::Float8 | ColumnKind::Json => return None,
    })
}

fn check(body: &[u8]) -> [u8; CHECK_BYTES] {
    let [a, b, c, d, ..] = xxh3_64(body).to_be_bytes();
    [a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [ColumnKind; 4] =
        [ColumnKind::Instant, ColumnKind::Uuid, ColumnKind::Text, ColumnKind::Int4];

    fn key() -> Vec<Value> {
        vec![
            Value::Instant(Micros(i64::MIN)),
            Value::Uuid(Uuid::nil()),
            Value::Text("é\"".into()),
            Value::Int4(-1),
        ]
    }

    #[test]
    fn a_cursor_comes_back_as_it_went() {
        assert_eq!(decode(&encode("things", &key()), "things", &KINDS), Some(key()));
    }

    #[test]
    fn what_is_cut_forged_or_of_another_list_is_none() {
        let whole = encode("things", &key());
        for length in 0..whole.len() {
            assert_eq!(decode(&whole[..length], "things", &KINDS), None, "{length}");
        }
        for at in 0..whole.len() {
            let mut forged = whole.clone().into_bytes();
            forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
            // The last character may contain unused bits.
            let read = decode(std::str::from_utf8(&forged).unwrap(), "things", &KINDS);
            assert!(read.is_none() || read == Some(key()), "{at}");
        }
        assert_eq!(decode(&whole, "others", &KINDS), None);
        assert_eq!(decode(&whole, "things", &KINDS[..3]), None);
        assert_eq!(decode(&"A".repeat(100_000), "things", &KINDS), None);
    }
}
