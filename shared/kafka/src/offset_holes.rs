//! Finds offsets without a record: transaction markers, aborted records, and records removed by
//! compaction.

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

/// The most offsets between two ranges of one read. A larger distance starts another read.
const NEAR: i64 = 2_000;

/// The consumer commits nothing and joins no group. librdkafka requires a group name nevertheless.
const READ_ONLY: &[(&str, &str)] = &[
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    ("enable.partition.eof", "true"),
    ("auto.offset.reset", "earliest"),
    ("fetch.wait.max.ms", "50"),
];

/// The first records in ranges of offsets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FirstRecords {
    /// The first offset with a record for each range, if there is one. For a range that cannot be
    /// read, this is the start of the range or the first record before the error.
    pub offsets: Vec<Option<i64>>,
    /// Partitions that cannot be read, each with the reason.
    pub unreadable: BTreeMap<TopicPartition, String>,
}

/// Returns for each range the first offset with a record that a consumer receives.
///
/// A range without such a record returns `None`. Records of an open or aborted transaction are
/// holes, unless `isolation.level` is set otherwise. Each read waits at most `timeout` for the next
/// record. Fails with [`BrokerError::Ask`] when the broker does not answer.
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
    let (bootstrap, context) = (bootstrap.to_owned(), QuietContext::of(properties)?);
    blocking(move || {
        let consumer: BaseConsumer<QuietContext> =
            config.create_with_context(context).map_err(BrokerError::Client)?;
        let failed =
            |source| BrokerError::Ask { bootstrap: bootstrap.clone(), what: "records", source };
        look(&consumer, &ranges, timeout).map_err(failed)
    })
    .await
}

/// Reads the ranges. Neighbouring ranges of one partition are covered by one read.
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
            // The read ends when every range has its first record or is passed.
            near.iter().all(|n| found[*n].is_some() || ranges[*n].1.end <= offset)
        });
        match read {
            Err(KafkaError::MessageConsumption(code))
                if is_lasting(code) || code == RDKafkaErrorCode::OffsetOutOfRange =>
            {
                unreadable.insert(at.clone(), format!("the consumer cannot read on: {code}"));
                for n in near {
                    found[n].get_or_insert(ranges[n].1.start);
                }
            }
            read => read?,
        }
    }
    Ok(FirstRecords { offsets: found, unreadable })
}

/// Passes each record's offset to `enough`, until `enough` returns true or the range ends.
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
                // If the log has become shorter, the missing offsets may have had records.
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
            // librdkafka retries.
            Some(Err(_)) | None => {}
        }
    }
    Err(KafkaError::MessageConsumption(RDKafkaErrorCode::OperationTimedOut))
}
