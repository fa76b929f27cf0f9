//! Tests that the checksum differs between two records at the same coordinates, and never changes
//! between releases.

use serde_json::{Value, json};

use crate::support::{base64, batch};

fn checksum(members: &Value) -> u128 {
    let mut record = json!({"topic": "t", "partition": 0, "offset": 0});
    for (name, value) in members.as_object().expect("an object") {
        record[name] = value.clone();
    }
    batch(&[record]).record(0).checksum
}

#[test]
fn every_part_of_a_record_counts() {
    let all = [
        json!({"timestamp": 1, "key": base64("ab"), "value": base64("cd")}),
        json!({"timestamp": 2, "key": base64("ab"), "value": base64("cd")}),
        json!({"timestamp": 1, "key": base64("a"), "value": base64("bcd")}),
        json!({"timestamp": 1, "key": base64("abcd"), "value": base64("")}),
        json!({"timestamp": 1, "key": base64("abcd")}),
        json!({"timestamp": 1, "key": base64(""), "value": base64("abcd")}),
        json!({"timestamp": 1, "value": base64("abcd")}),
        json!({"timestamp": 1, "key": base64(""), "value": base64("")}),
        json!({"timestamp": 1, "key": base64("")}),
        json!({"timestamp": 1, "value": base64("")}),
        json!({"timestamp": 1}),
        json!({"timestamp": -1}),
        json!({"timestamp": 1, "headers": [{}]}),
        json!({"timestamp": 1, "headers": [{}, {}]}),
        json!({"timestamp": 1, "headers": [{"": null}]}),
        json!({"timestamp": 1, "headers": [{"": []}]}),
        json!({"timestamp": 1, "headers": [{"a": [98]}]}),
        json!({"timestamp": 1, "headers": [{"ab": []}]}),
        json!({"timestamp": 1, "headers": [{"ab": null}]}),
        json!({"timestamp": 1, "headers": [{"a": [98]}, {"c": [100]}]}),
        json!({"timestamp": 1, "headers": [{"c": [100]}, {"a": [98]}]}),
        json!({"timestamp": 1, "headers": [{"ab": [99, 100]}]}),
        json!({"timestamp": 1, "key": base64("a"), "value": base64("b"), "headers": [{"c": [100]}]}),
        json!({"timestamp": 1, "key": base64("c"), "value": base64("d"), "headers": [{"a": [98]}]}),
        json!({"timestamp": 1, "value": "no base64!"}),
        json!({"timestamp": 1, "value": base64("no base64!")}),
        json!({"timestamp": 1, "key": "no base64!"}),
    ];
    for (i, one) in all.iter().enumerate() {
        for other in &all[..i] {
            assert_ne!(checksum(one), checksum(other), "{one} and {other}");
        }
    }
}

#[test]
fn absent_and_null_are_the_same() {
    assert_eq!(
        checksum(&json!({"key": null, "value": null, "headers": null, "timestamp": null})),
        checksum(&json!({}))
    );
    assert_eq!(checksum(&json!({"headers": []})), checksum(&json!({})));
}

#[test]
fn coordinates_and_what_a_registry_said_do_not_count() {
    let record = |topic: &str, offset| json!({"topic": topic, "partition": 0, "offset": offset, "value": base64("{}")});
    let mut described = record("u", 3);
    described["valueSchemaMetadata"] = json!({"dataFormat": "JSON", "schemaId": "1"});
    let batch = batch(&[record("t", 1), record("t", 2), described]);
    let checksums: Vec<u128> = batch.coordinates().map(|c| c.3).collect();
    assert!(checksums.iter().all(|c| *c == checksums[0]));
}

/// Weir compares stored rows with the checksum for as long as they exist. If it changed, every
/// redelivery would look like a different record.
#[test]
fn the_checksum_of_a_release_is_the_checksum_of_all() {
    let record = json!({"timestamp": 1_545_084_650_987_i64, "key": base64("recordKey"), "value": base64(r#"{"key":"value"}"#),
        "headers": [{"headerKey": [104, 101, 97, -61, -85]}, {"none": null}, {}]});
    assert_eq!(format!("{:032x}", checksum(&record)), "5a3ffac1a3301dc29e5f915a473a70b5");
    assert_eq!(format!("{:032x}", checksum(&json!({}))), "c56607f1a6cd3fbc07f354dd0ee79e05");
}
