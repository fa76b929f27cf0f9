//! Writes one Kafka record as the JSON of Lambda's events.

use std::panic::{AssertUnwindSafe, catch_unwind};

use base64_simd::STANDARD;
use rdkafka::{
    Message, Timestamp,
    message::{Header, Headers},
};

/// Kafka's value for "no timestamp".
const NO_TIMESTAMP_MS: i64 = -1;

/// Returns the part of the JSON that all records of a partition share:
/// `{"topic":"t","partition":0,"offset":`.
pub(super) fn prefix(topic: &str, partition: i32) -> Vec<u8> {
    let mut json = br#"{"topic":"#.to_vec();
    push_text(&mut json, topic);
    json.extend_from_slice(br#","partition":"#);
    push_number(&mut json, partition);
    json.extend_from_slice(br#","offset":"#);
    json
}

/// Appends `message` to `json`. `prefix` is the result of [`prefix`] for its partition.
pub(super) fn push_record(json: &mut Vec<u8>, prefix: &[u8], message: &impl Message) {
    let (timestamp_ms, kind) = match message.timestamp() {
        Timestamp::LogAppendTime(ms) => (ms, "LOG_APPEND_TIME"),
        Timestamp::CreateTime(ms) => (ms, "CREATE_TIME"),
        Timestamp::NotAvailable => (NO_TIMESTAMP_MS, "CREATE_TIME"),
    };
    json.extend_from_slice(prefix);
    push_number(json, message.offset());
    json.extend_from_slice(br#","timestamp":"#);
    push_number(json, timestamp_ms);
    json.extend_from_slice(br#","timestampType":""#);
    json.extend_from_slice(kind.as_bytes());
    json.push(b'"');
    if let Some(key) = message.key() {
        json.extend_from_slice(br#","key":""#);
        STANDARD.encode_append(key, json);
        json.push(b'"');
    }
    match message.payload() {
        Some(value) => {
            json.extend_from_slice(br#","value":""#);
            STANDARD.encode_append(value, json);
            json.push(b'"');
        }
        None => json.extend_from_slice(br#","value":null"#),
    }
    json.extend_from_slice(br#","headers":["#);
    if let Some(headers) = message.headers() {
        for index in 0..headers.count() {
            if index > 0 {
                json.push(b',');
            }
            push_header(json, headers, index);
        }
    }
    json.extend_from_slice(b"]}");
}

/// Appends `{"name":[104,-61]}`. Lambda writes a header without a value as `{}`.
fn push_header(json: &mut Vec<u8>, headers: &impl Headers, index: usize) {
    // rdkafka panics on a header name that is not UTF-8, and has no other way to read it. Such a
    // header must not end the worker.
    let header = catch_unwind(AssertUnwindSafe(|| headers.try_get(index)));
    match header {
        Ok(Some(Header { key, value: Some(value) })) => {
            json.push(b'{');
            push_text(json, key);
            json.extend_from_slice(b":[");
            for (at, byte) in value.iter().enumerate() {
                if at > 0 {
                    json.push(b',');
                }
                push_number(json, byte.cast_signed());
            }
            json.extend_from_slice(b"]}");
        }
        Ok(_) => json.extend_from_slice(b"{}"),
        Err(_) => {
            tracing::warn!(
                "the name of a record's header is not UTF-8; the header is passed on as {{}}"
            );
            json.extend_from_slice(b"{}");
        }
    }
}

/// Appends an escaped JSON string.
pub(super) fn push_text(json: &mut Vec<u8>, text: &str) {
    // Writing to memory does not fail, and every string can be serialised.
    let _ = serde_json::to_writer(json, text);
}

/// Appends an integer.
pub(super) fn push_number(json: &mut Vec<u8>, number: impl itoa::Integer) {
    json.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

#[cfg(test)]
mod tests {
    use rdkafka::message::{OwnedHeaders, OwnedMessage};

    use super::*;

    #[test]
    fn numbers_are_written_as_rust_writes_them() {
        for number in [0, 7, -1, 10, -128, i64::MAX, i64::MIN] {
            let mut json = Vec::new();
            push_number(&mut json, number);
            assert_eq!(json, number.to_string().as_bytes());
        }
    }

    #[test]
    fn a_record_looks_as_lambda_writes_it() {
        let headers = OwnedHeaders::new()
            .insert(Header { key: "he\"ad", value: Some(&[104, 101, 0xC3, 0xAB][..]) })
            .insert(Header::<&[u8]> { key: "none", value: None });
        let message = OwnedMessage::new(
            Some(b"{\"key\":\"value\"}".to_vec()),
            Some(b"recordKey".to_vec()),
            "mytopic".into(),
            Timestamp::CreateTime(1_545_084_650_987),
            3,
            15,
            Some(headers),
        );
        let mut json = Vec::new();
        push_record(&mut json, &prefix("mytopic", 3), &message);
        assert_eq!(
            String::from_utf8_lossy(&json),
            concat!(
                r#"{"topic":"mytopic","partition":3,"offset":15,"timestamp":1545084650987,"#,
                r#""timestampType":"CREATE_TIME","key":"cmVjb3JkS2V5","value":"eyJrZXkiOiJ2YWx1ZSJ9","#,
                r#""headers":[{"he\"ad":[104,101,-61,-85]},{}]}"#
            )
        );
    }
}
