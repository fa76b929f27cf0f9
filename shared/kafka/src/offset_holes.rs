//! Offsets without a record: transaction markers, aborted records, and what compaction took.

use std::{
    collections::BTreeMap,
    ops::Range,
    time::{Duration, Instant},
};

use rdkafka::{
    Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
    types::RDKafkaErrorCode,
};

use crate::{BrokerError, QuietContext, TopicPartition, client_config};

/// Nothing is committed and no group is joined; the group's name is only what librdkafka asks for.
const READ_ONLY: &[(&str, &str)] = &[
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    ("enable.partition.eof", "true"),
    ("isolation.level", "read_committed"),
    ("auto.offset.reset", "earliest"),
    ("fetch.wait.max.ms", "50"),
];

/// For each range the first offset in it of which the broker has a record that a consumer gets; `None` where all are
/// holes. Each look waits at most `timeout`; fails with [`BrokerError::Ask`] when the broker is away.
pub async fn first_records(
    bootstrap: &str,
    properties: &BTreeMap<String, String>,
    group: &str,
    ranges: Vec<(TopicPartition, Range<i64>)>,
    timeout: Duration,
) -> Result<Vec<Option<i64>>, BrokerError> {
    if ranges.is_empty() {
        return Ok(Vec::new());
    }
    let mut config = client_config(bootstrap, properties, &[]);
    config.set("group.id", group);
    for (name, value) in READ_ONLY {
        config.set(*name, *value);
    }
    let bootstrap = bootstrap.to_owned();
    let looks = tokio::task::spawn_blocking(move || {
        let consumer: BaseConsumer<QuietContext> = config.create_with_context(QuietContext).map_err(BrokerError::Client)?;
        let failed = |source| BrokerError::Ask { bootstrap: bootstrap.clone(), what: "records", source };
        ranges.iter().map(|(at, range)| first_record(&consumer, at, range, timeout).map_err(failed)).collect()
    });
    looks.await.map_err(|error| BrokerError::Start(error.to_string()))?
}

fn first_record(
    consumer: &BaseConsumer<QuietContext>,
    at: &TopicPartition,
    range: &Range<i64>,
    timeout: Duration,
) -> Result<Option<i64>, KafkaError> {
    let mut list = TopicPartitionList::with_capacity(1);
    list.add_partition_offset(&at.topic, at.partition, Offset::Offset(range.start))?;
    consumer.assign(&list)?;
    let begun = Instant::now();
    while begun.elapsed() < timeout {
        match consumer.poll(timeout.saturating_sub(begun.elapsed())) {
            Some(Ok(record)) => return Ok(Some(record.offset()).filter(|offset| range.contains(offset))),
            Some(Err(KafkaError::PartitionEOF(_))) => return Ok(None),
            // librdkafka tries again.
            Some(Err(_)) | None => {}
        }
    }
    Err(KafkaError::MessageConsumption(RDKafkaErrorCode::OperationTimedOut))
}
