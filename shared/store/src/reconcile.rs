//! Broker offsets against log and failures: what is missing.

use tokio_postgres::types::Type;

use crate::{Store, StoreError, offset_rule::OffsetRange, tx::TypedParam};

/// What a broker has of a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerPartition {
    /// Topic.
    pub topic: String,
    /// Partition.
    pub partition: i32,
    /// The first offset that it still keeps.
    pub low: i64,
    /// The offset after its last one.
    pub high: i64,
}

/// What was found of a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Topic.
    pub topic: String,
    /// Partition.
    pub partition: i32,
    /// Offset after the last one that the broker has.
    pub high: i64,
    /// Everything below is settled or in a gap; 0 where nothing was stored yet.
    pub next_offset: i64,
    /// Rows in the log, the failures, and those that retention removed.
    pub records: i64,
    /// Never delivered and still kept by the broker: they come when they are delivered.
    pub missing: Vec<OffsetRange>,
    /// Never delivered, and the broker keeps them no more.
    pub lost: Vec<OffsetRange>,
    /// Settled offsets without a record: transaction markers, and what compaction took before delivery.
    pub holes: i64,
}

impl Finding {
    /// Records at the end that are not stored yet.
    pub fn behind(&self) -> i64 {
        (self.high - self.next_offset).max(0)
    }
}

/// Compares what the broker has with what is stored for the consumer group.
pub async fn reconcile(store: &Store, group_id: &str, broker: &[BrokerPartition]) -> Result<Vec<Finding>, StoreError> {
    let connection = store.connect().await?;
    // Counting a large log takes its time; a person waits for it.
    connection.client().batch_execute("SET statement_timeout = 0").await?;
    let topics: Vec<&str> = broker.iter().map(|p| p.topic.as_str()).collect();
    let partitions: Vec<i32> = broker.iter().map(|p| p.partition).collect();
    let params: [TypedParam<'_>; 3] = [(&group_id, Type::TEXT), (&topics, Type::TEXT_ARRAY), (&partitions, Type::INT4_ARRAY)];
    let rows = connection.client().query_typed(include_str!("sql/reconcile.sql"), &params).await?;
    let mut findings = Vec::with_capacity(broker.len());
    for partition in broker {
        let mut row = None;
        for candidate in &rows {
            if candidate.try_get::<_, &str>("topic")? == partition.topic && candidate.try_get::<_, i32>("partition")? == partition.partition
            {
                row = Some(candidate);
            }
        }
        let (next_offset, records, starts, ends): (i64, i64, Vec<i64>, Vec<i64>) = match row {
            Some(row) => (row.try_get("next_offset")?, row.try_get("records")?, row.try_get("gap_starts")?, row.try_get("gap_ends")?),
            None => (0, 0, Vec::new(), Vec::new()),
        };
        let gaps: Vec<OffsetRange> = starts.into_iter().zip(ends).map(|(start, end)| start..end).collect();
        findings.push(finding(partition, next_offset, records, &gaps));
    }
    Ok(findings)
}

fn finding(broker: &BrokerPartition, next_offset: i64, records: i64, gaps: &[OffsetRange]) -> Finding {
    // What the broker dropped before we came to it was never below next_offset, and is lost all the same.
    let ahead = next_offset..broker.low.min(broker.high);
    let undelivered = gaps.iter().cloned().chain([ahead]);
    let part = |keep: fn(&OffsetRange, i64) -> OffsetRange| {
        undelivered.clone().map(|gap| keep(&gap, broker.low)).filter(|r| r.start < r.end).collect::<Vec<_>>()
    };
    let in_gaps: i64 = gaps.iter().map(|g| g.end - g.start).sum();
    Finding {
        topic: broker.topic.clone(),
        partition: broker.partition,
        high: broker.high,
        next_offset,
        records,
        missing: part(|gap, low| gap.start.max(low)..gap.end),
        lost: part(|gap, low| gap.start..gap.end.min(low)),
        holes: (next_offset - in_gaps - records).max(0),
    }
}

#[cfg(test)]
#[expect(clippy::single_range_in_vec_init, reason = "a list of ranges is what is meant")]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_missing_above_the_low_watermark_and_lost_below() {
        let broker = BrokerPartition { topic: "t".into(), partition: 0, low: 7, high: 30 };
        let found = finding(&broker, 20, 13, &[5..10, 12..13]);
        assert_eq!(found.missing, [7..10, 12..13]);
        assert_eq!(found.lost, [5..7]);
        assert_eq!((found.behind(), found.holes), (10, 1));
    }

    #[test]
    fn what_was_dropped_before_it_was_read_is_lost() {
        let broker = BrokerPartition { topic: "t".into(), partition: 0, low: 50, high: 60 };
        assert_eq!(finding(&broker, 20, 20, &[]).lost, [20..50]);
        let empty = BrokerPartition { low: 0, high: 0, ..broker };
        assert_eq!(finding(&empty, 20, 20, &[]).lost, []);
    }
}
