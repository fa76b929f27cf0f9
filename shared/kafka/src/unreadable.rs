//! Finds partitions whose next record the consumer cannot read.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
    types::RDKafkaErrorCode,
};

use crate::{BrokerError, QuietContext, TopicPartition, client::blocking, client_config};

/// The time limit for a record, the end of the partition, or an error.
const LOOK_LIMIT: Duration = Duration::from_secs(3);

/// Returns whether an error of a partition remains after a retry.
pub fn is_lasting(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        code,
        Code::BadCompression
            | Code::BadMessage
            | Code::NotImplemented
            | Code::InvalidMessage
            | Code::MessageSizeTooLarge
            | Code::UnsupportedCompressionType
            | Code::TopicAuthorizationFailed
            | Code::UnsupportedForMessageFormat
    )
}

/// Returns the partitions that cannot be read at their offset, each with the reason. Checks one
/// partition after the other.
pub async fn unreadable(
    bootstrap: &str,
    properties: &BTreeMap<String, String>,
    group: &str,
    places: Vec<(TopicPartition, i64)>,
) -> Result<BTreeMap<TopicPartition, String>, BrokerError> {
    let mut config = client_config(bootstrap, properties, &[("fetch.wait.max.ms", "50")]);
    config
        .set("group.id", group)
        .set("enable.partition.eof", "true")
        .set("enable.auto.commit", "false");
    let context = QuietContext::of(properties)?;
    blocking(move || {
        let consumer: BaseConsumer<QuietContext> =
            config.create_with_context(context).map_err(BrokerError::Client)?;
        let mut found = BTreeMap::new();
        for (at, offset) in places {
            if let Some(code) = error_at(&consumer, &at, offset).map_err(BrokerError::Client)? {
                found.insert(at, KafkaError::MessageConsumption(code).to_string());
            }
        }
        Ok(found)
    })
    .await
}

fn error_at(
    consumer: &BaseConsumer<QuietContext>,
    at: &TopicPartition,
    offset: i64,
) -> Result<Option<RDKafkaErrorCode>, KafkaError> {
    let mut list = TopicPartitionList::with_capacity(1);
    list.add_partition_offset(&at.topic, at.partition, Offset::Offset(offset))?;
    consumer.assign(&list)?;
    let begun = Instant::now();
    while begun.elapsed() < LOOK_LIMIT {
        match consumer.poll(LOOK_LIMIT.saturating_sub(begun.elapsed())) {
            Some(Ok(_) | Err(KafkaError::PartitionEOF(_))) => return Ok(None),
            Some(Err(KafkaError::MessageConsumption(code))) if is_lasting(code) => {
                return Ok(Some(code));
            }
            Some(Err(_)) | None => {}
        }
    }
    Ok(None)
}
