//! Events that are broken, huge or hostile give a clear error or a batch, never a panic.

use proptest::prelude::*;
use serde_json::json;
use weir_model::{BatchError, KafkaBatch};

use crate::support::{event, lambda_record};

fn error(text: &str) -> String {
    KafkaBatch::parse(text.as_bytes()).expect_err(text).to_string()
}

#[test]
fn an_event_that_is_not_of_kafka_has_a_clear_error() {
    let record = |inner: &str| format!(r#"{{"records":{{"t-0":[{{{inner}}}]}}}}"#);
    let cases = [
        (String::new(), "EOF while parsing"),
        ("null".into(), "expected an object with records"),
        ("[]".into(), "expected an object with records"),
        (r#"["aws:kafka",{}]"#.into(), "expected an object with records"),
        ("{}".into(), "missing field `records`"),
        (r#"{"Records":[]}"#.into(), "missing field `records`"),
        (r#"{"records":null}"#.into(), "expected a map of topic-partition"),
        (r#"{"records":[]}"#.into(), "expected a map of topic-partition"),
        (r#"{"records":{"t-0":{}}}"#.into(), "expected a list of records"),
        (r#"{"records":{"t-0":[["t",0,1]]}}"#.into(), "expected a record"),
        (r#"{"records":{"t-0":[null]}}"#.into(), "expected a record"),
        (r#"{"records":{}} x"#.into(), "trailing characters"),
        (record(r#""partition":0,"offset":1"#), "missing field `topic`"),
        (record(r#""topic":"t","offset":1"#), "missing field `partition`"),
        (record(r#""topic":"t","partition":0"#), "missing field `offset`"),
        (record(r#""topic":"t","partition":0.5,"offset":1"#), "a 64-bit integer"),
        (record(r#""topic":"t","partition":"x","offset":1"#), "a 64-bit integer"),
        (record(r#""topic":"t","partition":0,"offset":9223372036854775808"#), "a 64-bit integer"),
        (record(r#""topic":"t","partition":0,"offset":1,"key":{}"#), "expected a string"),
        (record(r#""topic":"t","partition":0,"offset":1,"value":[1]"#), "expected a string"),
        (
            record(r#""topic":"t","partition":0,"offset":1,"headers":{}"#),
            "expected a list of headers",
        ),
        (
            record(r#""topic":"t","partition":0,"offset":1,"headers":[{"a":"b"}]"#),
            "expected a list of bytes",
        ),
        (
            record(r#""topic":"t","partition":0,"offset":1,"headers":[{"a":[256]}]"#),
            "outside -128 to 255",
        ),
        (
            record(r#""topic":"t","partition":0,"offset":1,"headers":[{"a":[-129]}]"#),
            "outside -128 to 255",
        ),
        ("{\"records\":{\"t\u{1}-0\":[]}}".into(), "control character"),
        (record("\"topic\u{1f}\":\"t\",\"partition\":0,\"offset\":1"), "control character"),
        (record("\"topic\":\"t\n\",\"partition\":0,\"offset\":1"), "control character"),
    ];
    for (text, expected) in cases {
        let error = error(&text);
        assert!(
            error.starts_with("not the event of a Kafka event source mapping: ")
                && error.contains(expected),
            "{text}: {error}"
        );
    }
    let not_utf8 = KafkaBatch::parse(b"{\"records\":{}, \"a\":\"\xff\"}").unwrap_err().to_string();
    assert!(not_utf8.contains("not UTF-8"), "{not_utf8}");
}

#[test]
fn coordinates_that_kafka_never_gives_are_refused() {
    for (partition, offset) in [
        (-1, 0),
        (i64::from(i32::MAX) + 1, 0),
        (0, -1),
        (0, i64::MAX),
        (0, i64::MIN),
        (i64::MIN, 0),
    ] {
        let text =
            json!({"records": {"t-0": [{"topic": "t", "partition": partition, "offset": offset}]}})
                .to_string();
        assert_eq!(
            error(&text),
            format!(
                "record t-{partition} offset {offset} has coordinates that Kafka never assigns"
            )
        );
    }
    for topic in ["", "a b", "é", "a\u{0}", &"x".repeat(250)] {
        let text = json!({"records": {"t-0": [{"topic": topic, "partition": 0, "offset": 0}]}})
            .to_string();
        assert!(
            matches!(KafkaBatch::parse(text.as_bytes()), Err(BatchError::Coordinates { .. })),
            "{topic}"
        );
    }
}

#[test]
fn an_error_quotes_little_of_the_event() {
    let secret = "s".repeat(1_000_000);
    for text in [
        json!(secret).to_string(),
        json!({"records": secret}).to_string(),
        json!({"records": {"t-0": [{"topic": "t", "partition": secret}]}}).to_string(),
        json!({"records": {"t-0": [{"topic": secret, "partition": 0, "offset": 0}]}}).to_string(),
    ] {
        let error = error(&text);
        assert!(error.len() < 300, "{} bytes", error.len());
    }
}

#[test]
fn escapes_and_unknown_members_are_read_over() {
    let text = r#"{"\u0065ventSource":"aws\u003akafka","new":{"deep":[1,{"x":"\ud800"}]},"records":{"t\u002d0":[
        {"t\u006fpic":"\u0074","partition":0,"offset":1,"timestamp":-5,"value":"e\u00330=","extra":[{}],"headers":[{"\u0061\u0000":[1]},{"\ud800":[2]}]}]}}"#;
    let batch = KafkaBatch::parse(text.as_bytes()).unwrap();
    let record = batch.record(0);
    assert_eq!(batch.source(), Some("aws:kafka"));
    assert_eq!(
        (record.topic, record.timestamp_ms, record.value),
        ("t", -5, Some(&b"{}"[..])),
        "{:?}",
        record.bad_base64
    );
    assert_eq!(record.headers.0[0].name, "a\u{0}");
    assert_eq!(
        record.headers.text("\u{FFFD}\u{FFFD}\u{FFFD}"),
        Some("\u{2}"),
        "a name that is not a text does not cost the batch"
    );
}

#[test]
fn ten_thousand_levels_do_not_overflow_the_stack() {
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let valid = format!(
        r#"{{"unknown":{deep},"records":{{"t-0":[{{"unknown":{deep},"topic":"t","partition":0,"offset":0}}]}}}}"#
    );
    assert_eq!(KafkaBatch::parse(valid.as_bytes()).unwrap().len(), 1);
    for place in [
        "X",
        r#"{"records":X}"#,
        r#"{"records":{"t-0":X}}"#,
        r#"{"records":{"t-0":[{"topic":X}]}}"#,
        r#"{"records":{"t-0":[{"headers":X}]}}"#,
    ] {
        for deep in [deep.clone(), r#"{"a":"#.repeat(10_000)] {
            assert!(KafkaBatch::parse(place.replace('X', &deep).as_bytes()).is_err());
        }
    }
}

#[test]
fn an_event_cut_short_is_an_error_wherever_it_is_cut() {
    let whole = event(&[lambda_record("t", 0, 1, "{}")]);
    for end in 0..whole.len() {
        assert!(KafkaBatch::parse(&whole[..end]).is_err(), "{end}");
    }
}

/// Reads all parts of a batch, so that a wrong range fails.
fn read_all(bytes: &[u8]) {
    if let Ok(batch) = KafkaBatch::parse(bytes) {
        for (record, (topic, partition, offset, _)) in batch.records().zip(batch.coordinates()) {
            assert_eq!((record.topic, record.partition, record.offset), (topic, partition, offset));
        }
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        read_all(&bytes);
    }

    #[test]
    fn mutated_events_never_panic(changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 1..6)) {
        let mut record = lambda_record("t", 0, 1, r#"{"a":1}"#);
        record["headers"] = json!([{"name": [1, -2, 3]}, {}]);
        record["valueSchemaMetadata"] = json!({"dataFormat": "AVRO", "schemaId": "1"});
        let mut bytes = event(&[record, lambda_record("u", 1, 2, "x")]);
        for (index, byte, kind) in changes {
            let at = index.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, b"{}[]\",:0-"[usize::from(byte) % 9]),
                _ => { bytes.remove(at); }
            }
        }
        read_all(&bytes);
    }
}
