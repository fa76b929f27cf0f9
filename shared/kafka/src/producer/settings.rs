//! The settings of the producer.

use std::collections::BTreeMap;

use rdkafka::ClientConfig;

use crate::client_config;

const DEFAULTS: &[(&str, &str)] = &[
    ("linger.ms", "5"),
    ("batch.num.messages", "10000"),
    // This is above the largest request of Lambda, so that only the broker's own limit applies.
    ("message.max.bytes", "8000000"),
    // The time limit of a delivery, because an HTTP client waits for the answer.
    ("message.timeout.ms", "30000"),
    // These limits are above the producer's own limit, which applies first.
    ("queue.buffering.max.kbytes", "65536"),
    ("queue.buffering.max.messages", "1000000"),
    // A restarted broker gets a retry soon.
    ("retry.backoff.max.ms", "500"),
    // The same partition for a key as with Kafka's Java client.
    ("partitioner", "murmur2_random"),
];

/// Settings that Weir's guarantees depend on; a user's properties do not change them.
const FIXED: &[(&str, &str)] = &[("acks", "all"), ("enable.idempotence", "true")];

/// Returns the settings of a producer for `bootstrap`.
///
/// `properties` (with librdkafka's names) override the defaults, but not the fixed settings.
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
