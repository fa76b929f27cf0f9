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

use crate::{
    BrokerError, QuietContext, TopicPartition, client::blocking, client_config, is_lasting,
};

/// How many offsets between two ranges are read rather than jumped over.
const NEAR: i64 = 2_000;

/// Nothing is committed and no group is joined; the group's name is only what librdkafka asks for.
const READ_ONLY: &[(&str, &str)] = &[
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    ("enable.partition.eof", "true"),
    ("auto.offset.reset", "earliest"),
    ("fetch.wait.max.ms", "50"),
];

/// What was found in ranges of offsets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FirstRecords {
    /// For each range the first offset with a record, if there is one. A range that cannot be read
    /// begins with one.
    pub offsets: Vec<Option<i64>>,
    /// Partitions that cannot be read, and why.
    pub unreadable: BTreeMap<TopicPartition, String>,
}

/// For each range the first offset in it of which the broker has a record that a consumer gets;
/// `None` where all are holes. What is in a transaction that is open or aborted is a hole, unless
/// `isolation.level` says otherwise. Each look waits at most `timeout` for the next record; fails
/// with [`BrokerError::Ask`] when the broker is away.
pub async fn first_records(
    bootstrap: &str,
    properties: &BTreeMap<String, String>,
    group: &str,
    ranges: Vec<(TopicPartition, Range<i64>)>,
    timeout: Duration,
) -> Result<FirstRecords, BrokerError> {
    if ranges.is_empty() {
        return Ok(FirstRecords::default());
    }
    let mut config = client_config(bootstrap, properties, &[]);
    config.set("group.id", group);
    for (name, value) in READ_ONLY {
        config.set(*name, *value);
    }
    let bootstrap = bootstrap.to_owned();
    blocking(move || {
        let consumer: BaseConsumer<QuietContext> =
            config.create_with_context(QuietContext).map_err(BrokerError::Client)?;
        let failed =
            |source| BrokerError::Ask { bootstrap: bootstrap.clone(), what: "records", source };
        look(&consumer, &ranges, timeout).map_err(failed)
    })
    .await
}

/// Ranges of one partition that lie near to each other are looked at in one reading.
fn look(
    consumer: &BaseConsumer<QuietContext>,
    ranges: &[(TopicPartition, Range<i64>)],
    timeout: Duration,
) -> Result<FirstRecords, KafkaError> {
    let mut order: Vec<usize> = (0..ranges.len()).collect();
    order.sort_by_key(|n| (&ranges[*n].0, ranges[*n].1.start));
    let mut found = vec![None; ranges.len()];
    let mut unreadable = BTreeMap::new();
    let mut order = order.into_iter().peekable();
    while let Some(first) = order.next() {
        let (at, range) = &ranges[first];
        let mut near = vec![first];
        let mut end = range.end;
        while let Some(next) =
            order.next_if(|next| ranges[*next].0 == *at && ranges[*next].1.start - end <= NEAR)
        {
            end = end.max(ranges[next].1.end);
            near.push(next);
        }
        let read = read_through(consumer, at, range.start..end, timeout, |offset| {
            for n in &near {
                if found[*n].is_none() && ranges[*n].1.contains(&offset) {
                    found[*n] = Some(offset);
                }
            }
            // Whoever has a first record needs no more of it.
            near.iter().all(|n| found[*n].is_some() || ranges[*n].1.end <= offset)
        });
        match read {
            Err(KafkaError::MessageConsumption(code))
                if is_lasting(code) || code == RDKafkaErrorCode::OffsetOutOfRange =>
            {
                unreadable.insert(at.clone(), format!("cannot be read on: {code}"));
                for n in near {
                    found[n].get_or_insert(ranges[n].1.start);
                }
            }
            read => read?,
        }
    }
    Ok(FirstRecords { offsets: found, unreadable })
}

/// Shows each record's offset, until `enough` says so or the range has no more.
fn read_through(
    consumer: &BaseConsumer<QuietContext>,
    at: &TopicPartition,
    range: Range<i64>,
    timeout: Duration,
    mut enough: impl FnMut(i64) -> bool,
) -> Result<(), KafkaError> {
    let mut list = TopicPartitionList::with_capacity(1);
    list.add_partition_offset(&at.topic, at.partition, Offset::Offset(range.start))?;
    consumer.assign(&list)?;
    let mut moved = Instant::now();
    while moved.elapsed() < timeout {
        match consumer.poll(timeout.saturating_sub(moved.elapsed())) {
            Some(Ok(record)) if enough(record.offset()) || record.offset() >= range.end => {
                return Ok(());
            }
            Some(Ok(_)) => moved = Instant::now(),
            Some(Err(KafkaError::PartitionEOF(_))) => {
                // A log that became shorter says nothing about what it had.
                let (_, high) = consumer.fetch_watermarks(&at.topic, at.partition, timeout)?;
                return if high >= range.end {
                    Ok(())
                } else {
                    Err(KafkaError::MessageConsumption(RDKafkaErrorCode::OffsetOutOfRange))
                };
            }
            Some(Err(KafkaError::MessageConsumption(code))) if is_lasting(code) => {
                return Err(KafkaError::MessageConsumption(code));
            }
            // librdkafka tries again.
            Some(Err(_)) | None => {}
        }
    }
    Err(KafkaError::MessageConsumption(RDKafkaErrorCode::OperationTimedOut))
}
