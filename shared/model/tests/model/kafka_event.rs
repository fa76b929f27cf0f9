//! Tests the event as Lambda and similar programs write it.

use serde_json::json;
use weir_model::{BatchError, KafkaBatch, SchemaFormat};

use crate::support::{base64, batch, event, lambda_record};

const AWS_SAMPLE: &str = r#"{"eventSource":"aws:kafka","eventSourceArn":"arn:aws:kafka:us-east-1:123456789012:cluster/vpc-2priv-2pub/751d2973-a626-431c-9d4e-d7975eb44dd7-2",
 "bootstrapServers":"b-2.demo-cluster-1.a1bcde.c1.kafka.us-east-1.amazonaws.com:9092,b-1.demo-cluster-1.a1bcde.c1.kafka.us-east-1.amazonaws.com:9092",
 "records":{"mytopic-0":[{"topic":"mytopic","partition":0,"offset":15,"timestamp":1545084650987,
   "timestampType":"CREATE_TIME","key":"cmVjb3JkS2V5","value":"eyJrZXkiOiJ2YWx1ZSJ9",
   "headers":[{"headerKey":[104,101,97,-61,-85]}]}]}}"#;

#[test]
fn the_sample_of_aws_is_read() {
    let batch = KafkaBatch::parse(AWS_SAMPLE.as_bytes()).unwrap();
    assert_eq!((batch.len(), batch.is_empty(), batch.source()), (1, false, Some("aws:kafka")));
    let record = batch.record(0);
    assert_eq!(
        (record.topic, record.partition, record.offset, record.timestamp_ms),
        ("mytopic", 0, 15, 1_545_084_650_987)
    );
    assert_eq!(record.key, Some(&b"recordKey"[..]));
    assert_eq!(record.value, Some(&br#"{"key":"value"}"#[..]));
    assert_eq!(record.headers.text("headerKey"), Some("heaë"));
    assert_eq!((record.bad_base64, record.schema), (None, None));
    assert_eq!(batch.records().len(), 1);
}

#[test]
fn self_managed_kafka_is_read() {
    for source in ["SelfManagedKafka", "aws:SelfManagedKafka"] {
        let text = AWS_SAMPLE
            .replace("aws:kafka\"", &format!("{source}\""))
            .replace("eventSourceArn", "ignored");
        assert_eq!(KafkaBatch::parse(text.as_bytes()).unwrap().source(), Some(source));
    }
    let batch = KafkaBatch::parse(br#"{"records":{}}"#).unwrap();
    assert!(batch.is_empty() && batch.source().is_none());
    assert!(
        KafkaBatch::parse(br#"{"eventSource":null,"records":{"a-0":null,"a-1":[]}}"#)
            .unwrap()
            .is_empty()
    );
}

#[test]
fn key_value_headers_and_timestamp_may_be_absent_or_null() {
    let full = r#"{"topic":"t","partition":0,"offset":1,"timestamp":null,"key":null,"value":null,"headers":null,"valueSchemaMetadata":null}"#;
    for text in [full, r#"{"topic":"t","partition":0,"offset":1}"#] {
        let event = format!(r#"{{"records":{{"t-0":[{text}]}}}}"#);
        let batch = KafkaBatch::parse(event.as_bytes()).unwrap();
        let record = batch.record(0);
        assert_eq!((record.key, record.value, record.timestamp_ms), (None, None, -1));
        assert!(record.headers.is_empty());
    }
}

#[test]
fn an_empty_key_and_value_are_not_absent() {
    let mut record = lambda_record("t", 0, 1, "");
    record["key"] = json!("");
    let batch = batch(&[record]);
    assert_eq!((batch.record(0).key, batch.record(0).value), (Some(&b""[..]), Some(&b""[..])));
}

#[test]
fn header_bytes_are_signed_or_not_and_may_be_lost() {
    let mut record = lambda_record("t", 0, 1, "{}");
    record["headers"] = json!([{"a": [-128, -1, 0, 127]}, {}, {"b": [128, 255]}, {"none": null}, {"a": []}, {"x": [1], "y": [2]}]);
    let batch = batch(&[record]);
    let headers: Vec<(&str, Option<&[u8]>)> =
        batch.record(0).headers.0.iter().map(|h| (h.name, h.value)).collect();
    let expected: Vec<(&str, Option<&[u8]>)> = vec![
        ("a", Some(&[128, 255, 0, 127])),
        ("b", Some(&[128, 255])),
        ("none", None),
        ("a", Some(&[])),
        ("x", Some(&[1])),
        ("y", Some(&[2])),
    ];
    assert_eq!(headers, expected, "a {{}} has no name and is not a header");
    assert_eq!(batch.record(0).headers.text("A"), Some(""), "the last one counts, in any case");
    assert_eq!(batch.record(0).headers.text("none"), None);
    assert_eq!(batch.record(0).headers.text("b"), None, "not UTF-8");
}

#[test]
fn numbers_may_come_as_text() {
    let mut record = lambda_record("t", 3, 1, "{}");
    record["partition"] = json!("3");
    record["offset"] = json!("9223372036854775806");
    let batch =
        KafkaBatch::parse(json!({"records": {"t-3": [record]}}).to_string().as_bytes()).unwrap();
    assert_eq!((batch.record(0).partition, batch.record(0).offset), (3, i64::MAX - 1));
}

#[test]
fn records_come_out_by_topic_partition_and_offset() {
    let places = [("b", 1, 7), ("a", 10, 1), ("b", 1, 2), ("a", 2, 5), ("B", 0, 0), ("a", 2, 4)];
    let records: Vec<_> =
        places.iter().map(|(t, p, o)| lambda_record(t, *p, *o, &format!("{t}{p}{o}"))).collect();
    let batch = batch(&records);
    let order: Vec<_> = batch.coordinates().map(|(t, p, o, _)| (t, p, o)).collect();
    assert_eq!(
        order,
        [("B", 0, 0), ("a", 2, 4), ("a", 2, 5), ("a", 10, 1), ("b", 1, 2), ("b", 1, 7)]
    );
    for (record, coordinates) in batch.records().zip(batch.coordinates()) {
        let (topic, partition, offset, checksum) = coordinates;
        assert_eq!(
            record.value,
            Some(format!("{topic}{partition}{offset}").as_bytes()),
            "each keeps its own bytes"
        );
        assert_eq!(record.checksum, checksum);
    }
}

#[test]
fn the_same_record_twice_counts_once() {
    let (a, b) = (lambda_record("t", 0, 1, "1"), lambda_record("t", 0, 2, "2"));
    let batch = batch(&[b.clone(), a.clone(), a.clone(), b, a]);
    assert_eq!(batch.coordinates().map(|c| c.2).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn two_records_at_one_place_are_a_contradiction() {
    let one = lambda_record("t", 0, 1, "1");
    let other = |member: &str, value: serde_json::Value| {
        let mut other = one.clone();
        other[member] = value;
        other
    };
    for other in [
        other("value", json!(base64("2"))),
        other("value", json!(null)),
        other("key", json!(null)),
        other("timestamp", json!(5)),
        other("headers", json!([{}])),
    ] {
        let error = KafkaBatch::parse(&event(&[one.clone(), lambda_record("t", 0, 2, "2"), other]))
            .unwrap_err();
        assert!(
            matches!(&error, BatchError::Contradiction { topic, partition: 0, offset: 1 } if topic == "t"),
            "{error}"
        );
        assert_eq!(error.to_string(), "one event has two different records at t-0 offset 1");
    }
}

#[test]
fn what_is_not_base64_is_kept_as_text_and_marked() {
    let mut records: Vec<_> = (0..4).map(|offset| lambda_record("t", 0, offset, "good")).collect();
    records[1]["value"] = json!("no base64!");
    records[2]["key"] = json!("?");
    records[3]["value"] = json!("Z29vZA"); // no padding
    let batch = batch(&records);
    let seen: Vec<_> =
        batch.records().map(|r| (r.key.unwrap(), r.value.unwrap(), r.bad_base64)).collect();
    assert_eq!(seen[0], (&b"key"[..], &b"good"[..], None));
    assert_eq!(seen[1], (&b"key"[..], &b"no base64!"[..], Some("the value is not base64")));
    assert_eq!(seen[2], (&b"?"[..], &b"good"[..], Some("the key is not base64")));
    assert_eq!(seen[3].2, Some("the value is not base64"));
}

#[test]
fn what_a_registry_says_of_a_value_is_kept() {
    let said = [
        (json!({"dataFormat": "JSON", "schemaId": "1"}), Some(SchemaFormat::Json), "1"),
        (json!({"dataFormat": "avro", "schemaId": 7}), Some(SchemaFormat::Avro), "7"),
        (json!({"dataFormat": "PROTOBUF"}), Some(SchemaFormat::Protobuf), ""),
        (json!({"dataFormat": "CBOR", "schemaId": null}), None, ""),
    ];
    for (metadata, format, id) in said {
        let mut record = lambda_record("t", 0, 0, "{}");
        record["valueSchemaMetadata"] = metadata;
        record["keySchemaMetadata"] = json!({"dataFormat": "JSON"});
        let batch = batch(&[record]);
        let schema = batch.record(0).schema.unwrap().clone();
        assert_eq!((schema.format, schema.id.as_str()), (format, id));
    }
}
