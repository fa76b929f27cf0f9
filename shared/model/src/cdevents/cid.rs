//! Makes the id of an event without an id: a content identifier (CID). Equal events get the same
//! id, also from different senders.
//!
//! Source: CID version 1 (multiformats/cid), multibase `b` (base32, lower case, no padding), codec
//! `raw`, multihash `sha2-256`. The content is the compact JSON with sorted members, without
//! `context.id`.

use data_encoding::BASE32_NOPAD;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// CIDv1, `raw`, sha2-256, 32 bytes.
const PREFIX: [u8; 4] = [0x01, 0x55, 0x12, 0x20];

/// Returns the CID of a CDEvent's JSON text. `None` when the text is not JSON.
pub fn of(json: &str) -> Option<String> {
    let mut event: Value = serde_json::from_str(json).ok()?;
    if let Some(context) = event.get_mut("context").and_then(Value::as_object_mut) {
        context.remove("id");
    }
    let mut text = String::with_capacity(json.len());
    write_sorted(&event, &mut text);
    let mut bytes = Vec::from(PREFIX);
    bytes.extend_from_slice(&Sha256::digest(text.as_bytes()));
    Some(["b", &base32(&bytes)].concat())
}

/// Sorts the members here, because the order of `serde_json`'s map depends on its features.
fn write_sorted(value: &Value, out: &mut String) {
    match value {
        Value::Object(members) => {
            let mut all: Vec<_> = members.iter().collect();
            all.sort_unstable_by(|a, b| a.0.cmp(b.0));
            out.push('{');
            for (n, (name, member)) in all.into_iter().enumerate() {
                out.push_str(if n > 0 { "," } else { "" });
                out.push_str(&Value::from(name.as_str()).to_string());
                out.push(':');
                write_sorted(member, out);
            }
            out.push('}');
        }
        Value::Array(elements) => {
            out.push('[');
            for (n, element) in elements.iter().enumerate() {
                out.push_str(if n > 0 { "," } else { "" });
                write_sorted(element, out);
            }
            out.push(']');
        }
        scalar => out.push_str(&scalar.to_string()),
    }
}

/// RFC 4648, section 6, in lower case and without padding.
fn base32(bytes: &[u8]) -> String {
    BASE32_NOPAD.encode(bytes).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    const VECTOR: &str = "bafkreicuuogf3pc3lkdewdnngcnxgfrnontlfvtiihmxvcxqqxphxson3m";

    #[test]
    fn the_contracts_vector() {
        let event = r#"{"context":{"source":"/event/source/123","type":"dev.cdevents.service.deployed.0.1.1","timestamp":"2023-03-20T14:27:05.315384Z"},
            "subject":{"id":"mySubject123","source":"/event/source/123","type":"service","content":{"environment":{"id":"test123"},
            "artifactId":"pkg:oci/myapp@sha256%3A0b31b1c02ff458ad9b7b81cbdf8f028bd54699fa151f221d1e8de6817db93427"}}}"#;
        assert_eq!(of(event).as_deref(), Some(VECTOR));
        for id in ["null", "\"\"", "\"0\"", "{\"a\":[1]}"] {
            let with_id = event.replace(r#"{"context":{"#, &format!(r#"{{"context":{{"id":{id},"#));
            assert_eq!(of(&with_id).as_deref(), Some(VECTOR), "{id}");
        }
        assert_ne!(of(&event.replace("test123", "test124")).as_deref(), Some(VECTOR));
    }

    #[test]
    fn base32_as_in_rfc_4648() {
        for (text, expected) in
            [("", ""), ("f", "my"), ("fo", "mzxq"), ("foo", "mzxw6"), ("foobar", "mzxw6ytboi")]
        {
            assert_eq!(base32(text.as_bytes()), expected);
        }
    }
}
