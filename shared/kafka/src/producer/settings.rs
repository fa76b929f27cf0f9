//! The settings of the producer.

use std::collections::BTreeMap;

use rdkafka::ClientConfig;

use crate::client_config;

const DEFAULTS: &[(&str, &str)] = &[
    ("linger.ms", "5"),
    ("batch.num.messages", "10000"),
    // Above what Lambda can carry, so that the broker's own limit is the one that counts.
    ("message.max.bytes", "8000000"),
    // A client waits for the answer.
    ("message.timeout.ms", "30000"),
    // Above our own limit, which counts first.
    ("queue.buffering.max.kbytes", "65536"),
    ("queue.buffering.max.messages", "1000000"),
    // A broker that was restarted is asked again soon.
    ("retry.backoff.max.ms", "500"),
    // Keys go where Kafka's own client puts them.
    ("partitioner", "murmur2_random"),
];

/// What the promises depend on; a user's properties do not change these.
const FIXED: &[(&str, &str)] = &[("acks", "all"), ("enable.idempotence", "true")];

/// How a producer for `bootstrap` is set up: what `properties` (librdkafka's names) do not say, and
/// what they may not.
pub fn settings(bootstrap: &str, properties: &BTreeMap<String, String>) -> ClientConfig {
    let mut config = client_config(bootstrap, properties, DEFAULTS);
    for (name, value) in FIXED {
        config.set(*name, *value);
    }
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_property_makes_it_lose_or_double_records() {
        let careless = [("acks", "0"), ("enable.idempotence", "false"), ("linger.ms", "50")];
        let careless = careless.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let config = settings("localhost:9092", &careless);
        let of = |name| config.get(name);
        assert_eq!(
            (of("acks"), of("enable.idempotence"), of("linger.ms")),
            (Some("all"), Some("true"), Some("50"))
        );
    }
}
