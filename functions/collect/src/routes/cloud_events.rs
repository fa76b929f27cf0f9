//! Converts `CloudEvents` over HTTP to records in Kafka's binary content mode.
//!
//! Sources: HTTP Protocol Binding and JSON Event Format for `CloudEvents` 1.0.2; Kafka Protocol
//! Binding 1.0.2, section 3.2.

use std::collections::BTreeMap;

use axum::http::{HeaderMap, header};
use base64_simd::STANDARD;
use serde_json::value::RawValue;
use weir_kafka::OutgoingHeader;

/// A `CloudEvent`: its attributes and its data.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct CloudEvent {
    /// Without `datacontenttype`.
    attributes: BTreeMap<String, String>,
    content_type: Option<String>,
    /// The data as text. The check that it is JSON comes later.
    pub(super) data: String,
}

/// The required attributes.
const REQUIRED: [&str; 4] = ["specversion", "id", "source", "type"];

impl CloudEvent {
    /// Binary mode: attributes are headers, the body is the data.
    pub(super) fn binary(headers: &HeaderMap, body: Vec<u8>) -> Result<Self, String> {
        let mut attributes = BTreeMap::new();
        for (name, value) in headers {
            let Some(name) = name.as_str().strip_prefix("ce-") else { continue };
            let value = value
                .to_str()
                .ok()
                .and_then(percent_decoded)
                .ok_or_else(|| format!("the header ce-{name} is not a text"))?;
            if attributes.insert(name.to_owned(), value).is_some() {
                return Err(format!("the header ce-{name} is sent twice"));
            }
        }
        let content_type = headers
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned);
        let data = String::from_utf8(body).map_err(|_| "the data is not UTF-8".to_owned())?;
        Self { attributes, content_type, data }.checked()
    }

    /// Structured mode: one JSON object.
    pub(super) fn structured(json: &str) -> Result<Self, String> {
        let members: BTreeMap<String, &RawValue> =
            serde_json::from_str(json).map_err(|error| format!("not an event: {error}"))?;
        let mut event =
            Self { attributes: BTreeMap::new(), content_type: None, data: String::new() };
        let mut has_data = false;
        for (name, raw) in members {
            match name.as_str() {
                "data" | "data_base64" if std::mem::replace(&mut has_data, true) => {
                    return Err("the event has both data and data_base64".into());
                }
                "data" => raw.get().clone_into(&mut event.data),
                "data_base64" => {
                    let text: String =
                        serde_json::from_str(raw.get()).map_err(|_| "data_base64 is not a text")?;
                    let bytes =
                        STANDARD.decode_to_vec(text).map_err(|_| "data_base64 is not base64")?;
                    event.data = String::from_utf8(bytes).map_err(|_| "the data is not UTF-8")?;
                }
                _ => {
                    let Some(text) = attribute(raw.get())
                        .map_err(|()| format!("{name} is not a text, number or boolean"))?
                    else {
                        continue;
                    };
                    if name == "datacontenttype" {
                        event.content_type = Some(text);
                    } else {
                        event.attributes.insert(name, text);
                    }
                }
            }
        }
        event.content_type.get_or_insert_with(|| "application/json".to_owned());
        event.checked()
    }

    fn checked(self) -> Result<Self, String> {
        for name in REQUIRED {
            if self.attributes.get(name).is_none_or(String::is_empty) {
                return Err(format!("{name} is missing"));
            }
        }
        if self.attributes["specversion"] != "1.0" {
            return Err("specversion is not 1.0".into());
        }
        if let Some(name) = self
            .attributes
            .keys()
            .find(|name| !name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()))
        {
            return Err(format!(
                "{} is not a name of an attribute: use a-z and 0-9",
                weir_model::excerpt(name)
            ));
        }
        if self.data.trim_ascii().is_empty() {
            return Err("the event has no data to store".into());
        }
        Ok(self)
    }

    /// Returns the attribute `partitionkey` (the partitioning extension), which keeps events with
    /// the same key in order.
    pub(super) fn key(&self) -> Option<&str> {
        self.attributes.get("partitionkey").map(String::as_str)
    }

    /// Returns the attributes as Kafka headers.
    pub(super) fn headers(&self) -> Vec<OutgoingHeader<'_>> {
        let attribute = |(name, value): (&String, &'_ String)| -> (String, Vec<u8>) {
            (["ce_", name].concat(), value.clone().into_bytes())
        };
        let content_type = self
            .content_type
            .iter()
            .map(|kind| ("content-type".to_owned(), kind.clone().into_bytes()));
        self.attributes
            .iter()
            .map(attribute)
            .chain(content_type)
            .map(|(name, value)| (name.into(), Some(value.into())))
            .collect()
    }
}

/// Returns an attribute's text, or `None` for null, which means a missing attribute.
fn attribute(json: &str) -> Result<Option<String>, ()> {
    match json.as_bytes().first() {
        Some(b'"') => serde_json::from_str(json).map(Some).map_err(|_| ()),
        Some(b'{' | b'[') | None => Err(()),
        Some(b'n') => Ok(None),
        Some(_) => Ok(Some(json.to_owned())),
    }
}

/// HTTP binding, 3.1.3.2: characters other than printable ASCII are percent-encoded UTF-8.
fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        let digits =
            behind.get(..2).filter(|two| byte == b'%' && two.iter().all(u8::is_ascii_hexdigit));
        let decoded =
            digits.and_then(|two| u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok());
        bytes.push(decoded.unwrap_or(byte));
        rest = if decoded.is_some() { &behind[2..] } else { behind };
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(event: &CloudEvent) -> Vec<(String, String)> {
        let text = |(name, value): OutgoingHeader<'_>| {
            (name.into_owned(), String::from_utf8(value.unwrap().into_owned()).unwrap())
        };
        event.headers().into_iter().map(text).collect()
    }

    #[test]
    fn binary_mode() {
        let mut headers = HeaderMap::new();
        let all = [
            ("ce-specversion", "1.0"),
            ("ce-id", "1"),
            ("ce-source", "/boat"),
            ("ce-type", "sail%20set"),
            ("ce-subject", "Fock%C3%A4 100%+1%"),
            ("ce-partitionkey", "p"),
            ("content-type", "application/json"),
            ("x-other", "y"),
        ];
        for (name, value) in all {
            headers.insert(name, value.parse().unwrap());
        }
        let event = CloudEvent::binary(&headers, b"{}".to_vec()).unwrap();
        assert_eq!((event.key(), event.data.as_str()), (Some("p"), "{}"));
        let shown = shown(&event);
        assert_eq!(shown.len(), 7);
        assert!(
            shown.contains(&("ce_type".into(), "sail set".into()))
                && shown.contains(&("ce_subject".into(), "Fockä 100%+1%".into()))
        );
        assert!(shown.contains(&("content-type".into(), "application/json".into())));
        assert_eq!(
            CloudEvent::binary(&headers, Vec::new()).unwrap_err(),
            "the event has no data to store"
        );
        assert_eq!(CloudEvent::binary(&headers, vec![0xff]).unwrap_err(), "the data is not UTF-8");
        headers.append("ce-id", "2".parse().unwrap());
        assert_eq!(
            CloudEvent::binary(&headers, b"{}".to_vec()).unwrap_err(),
            "the header ce-id is sent twice"
        );
        headers.remove("ce-id");
        assert_eq!(CloudEvent::binary(&headers, b"{}".to_vec()).unwrap_err(), "id is missing");
    }

    #[test]
    fn structured_mode() {
        let event = CloudEvent::structured(
            r#"{"specversion":"1.0","id":"1","source":"/b","type":"t","time":"2026-01-01T00:00:00Z","n":7,"gone":null,"data":{"a":1.50}}"#,
        );
        let event = event.unwrap();
        assert_eq!((event.data.as_str(), event.key()), (r#"{"a":1.50}"#, None));
        let shown = shown(&event);
        assert!(
            shown.contains(&("ce_n".into(), "7".into()))
                && shown.contains(&("content-type".into(), "application/json".into())),
            "{shown:?}"
        );
        let event = CloudEvent::structured(
            r#"{"specversion":"1.0","id":"1","source":"/b","type":"t","data_base64":"e30="}"#,
        )
        .unwrap();
        assert_eq!(event.data, "{}");
        for (json, fault) in [
            (
                r#"{"specversion":"0.3","id":"1","source":"/b","type":"t","data":1}"#,
                "specversion is not 1.0",
            ),
            (r#"{"specversion":"1.0","id":"","source":"/b","type":"t","data":1}"#, "id is missing"),
            (
                r#"{"specversion":"1.0","id":"1","source":"/b","type":"t"}"#,
                "the event has no data to store",
            ),
            (
                r#"{"specversion":"1.0","id":{},"source":"/b","type":"t","data":1}"#,
                "id is not a text, number or boolean",
            ),
            (
                r#"{"specversion":"1.0","id":"1","source":"/b","type":"t","data_base64":"?"}"#,
                "data_base64 is not base64",
            ),
            (
                r#"{"specversion":"1.0","id":"1","source":"/b","type":"t","data":1,"data_base64":""}"#,
                "the event has both data and data_base64",
            ),
            (
                r#"{"specversion":"1.0","id":"1","source":"/b","type":"t","data":1,"aB":1}"#,
                "\"aB\" is not a name of an attribute: use a-z and 0-9",
            ),
        ] {
            assert_eq!(CloudEvent::structured(json).unwrap_err(), fault, "{json}");
        }
    }
}
