//! The whole system against a real Apache Kafka. Started by `tests/kafka/run`.
