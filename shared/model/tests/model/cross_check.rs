//! Compares the event reader with `aws_lambda_events`, on events that both can read.

use std::collections::HashMap;

use aws_lambda_events::kafka::KafkaEvent;
use proptest::prelude::*;
use serde_json::{Value, json};
use weir_model::KafkaBatch;

use crate::support::base64;

#[derive(Debug, Clone)]
struct Made {
    topic: String,
    partition: i32,
    timestamp_ms: i64,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<Option<(String, Vec<i8>)>>,
}

fn bytes() -> impl Strategy<Value = Option<Vec<u8>>> {
    proptest::option::weighted(0.8, proptest::collection::vec(any::<u8>(), 0..40))
}

fn made() -> impl Strategy<Value = Made> {
    let header = proptest::option::weighted(
        0.8,
        ("\\PC{0,6}", proptest::collection::vec(any::<i8>(), 0..8)),
    );
    // Timestamps that the other crate can read. It fails on a number with less than four digits and
    // on most negative numbers.
    let timestamp = 1_000..4_000_000_000_000_i64;
    ("[a-c]{1,2}", 0..4_i32, timestamp, bytes(), bytes(), proptest::collection::vec(header, 0..3))
        .prop_map(|(topic, partition, timestamp_ms, key, value, headers)| Made {
            topic,
            partition,
            timestamp_ms,
            key,
            value,
            headers,
        })
}

fn event(all: &[Made]) -> Value {
    let mut lists: HashMap<String, Vec<Value>> = HashMap::new();
    for (offset, made) in all.iter().enumerate() {
        let headers: Vec<Value> = made
            .headers
            .iter()
            .map(|h| {
                h.as_ref()
                    .map_or_else(|| json!({}), |(name, bytes)| json!({ name.as_str(): bytes }))
            })
            .collect();
        lists.entry(format!("{}-{}", made.topic, made.partition)).or_default().push(json!({
            "topic": made.topic, "partition": made.partition, "offset": offset, "timestamp": made.timestamp_ms, "timestampType": "CREATE_TIME",
            "key": made.key.as_ref().map(base64), "value": made.value.as_ref().map(base64), "headers": headers}));
    }
    json!({"eventSource": "aws:kafka", "eventSourceArn": "arn:aws:kafka:x", "bootstrapServers": "b-1:9092", "records": lists})
}

proptest! {
    #[test]
    fn both_read_the_same(all in proptest::collection::vec(made(), 0..12)) {
        let text = event(&all).to_string();
        let theirs: KafkaEvent = serde_json::from_str(&text).unwrap();
        let ours = KafkaBatch::parse(text.as_bytes()).unwrap();

        let mut records: Vec<_> = theirs.records.values().flatten().collect();
        records.sort_by(|a, b| (&a.topic, a.partition, a.offset).cmp(&(&b.topic, b.partition, b.offset)));
        prop_assert_eq!(records.len(), ours.len());
        prop_assert_eq!(theirs.event_source.as_deref(), ours.source());
        for (theirs, ours) in records.into_iter().zip(ours.records()) {
            let plain = |text: &Option<String>| text.as_ref().map(|t| base64_simd::STANDARD.decode_to_vec(t).unwrap());
            prop_assert_eq!(theirs.topic.as_deref(), Some(ours.topic));
            prop_assert_eq!((theirs.partition, theirs.offset), (i64::from(ours.partition), ours.offset));
            // The other crate converts the timestamp through a float and may lose a millisecond.
            prop_assert!((0..=1).contains(&(ours.timestamp_ms - theirs.timestamp.timestamp_millis())));
            prop_assert_eq!(plain(&theirs.key), ours.key.map(<[u8]>::to_vec));
            prop_assert_eq!(plain(&theirs.value), ours.value.map(<[u8]>::to_vec));
            let headers: Vec<(&str, Vec<u8>)> =
                theirs.headers.iter().flatten().map(|(name, bytes)| (name.as_str(), bytes.iter().map(|b| b.cast_unsigned()).collect())).collect();
            let same: Vec<(&str, Vec<u8>)> = ours.headers.0.iter().map(|h| (h.name, h.value.unwrap().to_vec())).collect();
            prop_assert_eq!(headers, same);
        }
    }
}
