//! Compares the broker's offsets with the log and the failures, and finds missing records.

use tokio_postgres::{Row, types::Type};

use crate::{Store, StoreError, log, offset_rule::OffsetRange, tx::TypedParam};

/// The broker's offsets of a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerPartition {
    /// The name of the topic.
    pub topic: String,
    /// The number of the partition.
    pub partition: i32,
    /// The first offset that the broker still has.
    pub low: i64,
    /// The offset after the last record that a consumer receives.
    pub high: i64,
    /// The offset after the last record.
    pub end: i64,
}

/// The result for a partition. The ranges do not overlap.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Finding {
    /// The name of the topic.
    pub topic: String,
    /// The number of the partition.
    pub partition: i32,
    /// Whether the partition was ever read.
    pub is_known: bool,
    /// Rows in the log, failures, and rows that retention removed.
    pub records: i64,
    /// Ranges that were never delivered but that the broker still has.
    pub missing: Vec<OffsetRange>,
    /// Ranges that were never delivered and that the broker has deleted.
    pub lost: Vec<OffsetRange>,
    /// The range at the end that is not stored yet.
    pub behind: OffsetRange,
    /// The range at the end that an open transaction hides.
    pub hidden: OffsetRange,
    /// The number of settled offsets without a record: transaction markers, and records that
    /// compaction removed before delivery.
    pub holes: i64,
}

impl Finding {
    /// Returns `topic-partition`.
    pub fn place(&self) -> String {
        format!("{}-{}", self.topic, self.partition)
    }
}

/// Compares the broker's offsets with the stored records of the consumer group.
pub async fn reconcile(
    store: &Store,
    group_id: &str,
    broker: &[BrokerPartition],
) -> Result<Vec<Finding>, StoreError> {
    let connection = store.connect().await?;
    // Counting a large log takes time, and a person waits for the result.
    connection.client().batch_execute("SET statement_timeout = 0").await?;
    let topics: Vec<&str> = broker.iter().map(|p| p.topic.as_str()).collect();
    let partitions: Vec<i32> = broker.iter().map(|p| p.partition).collect();
    let params: [TypedParam<'_>; 3] =
        [(&group_id, Type::TEXT), (&topics, Type::TEXT_ARRAY), (&partitions, Type::INT4_ARRAY)];
    let rows = connection.client().query_typed(log::RECONCILE, &params).await?;
    let mut findings = Vec::with_capacity(broker.len());
    for partition in broker {
        let mut row = None;
        for candidate in &rows {
            if candidate.try_get::<_, &str>("topic")? == partition.topic
                && candidate.try_get::<_, i32>("partition")? == partition.partition
            {
                row = Some(candidate);
            }
        }
        let stored = row.map(Stored::read).transpose()?;
        findings.push(finding(partition, stored.as_ref()));
    }
    Ok(findings)
}

/// The database's data of a partition.
struct Stored {
    next_offset: i64,
    begin_offset: Option<i64>,
    records: i64,
    gaps: Vec<OffsetRange>,
}

impl Stored {
    fn read(row: &Row) -> Result<Self, StoreError> {
        let (starts, ends): (Vec<i64>, Vec<i64>) =
            (row.try_get("gap_starts")?, row.try_get("gap_ends")?);
        Ok(Self {
            next_offset: row.try_get("next_offset")?,
            begin_offset: row.try_get("begin_offset")?,
            records: row.try_get("records")?,
            gaps: starts.into_iter().zip(ends).map(|(start, end)| start..end).collect(),
        })
    }

    /// Returns the begin of the stream: the stored one, or the one that `note_begins` would store.
    fn begin(&self, low: i64) -> i64 {
        self.begin_offset.unwrap_or_else(|| {
            let first_gap = self.gaps.first().filter(|gap| gap.start == 0).map(|gap| gap.end);
            first_gap.unwrap_or(if self.next_offset == 0 { low } else { 0 }).min(low)
        })
    }
}

fn finding(broker: &BrokerPartition, stored: Option<&Stored>) -> Finding {
    let low = broker.low.min(broker.high);
    // For a partition that was never read, records that the broker deleted before are not a loss.
    let begin = stored.map_or(low, |stored| stored.begin(low));
    let next_offset = stored.map_or(0, |stored| stored.next_offset).max(begin);
    let gaps = stored.map(|stored| stored.gaps.as_slice()).unwrap_or_default();
    let gaps: Vec<OffsetRange> = gaps
        .iter()
        .map(|gap| gap.start.max(begin)..gap.end)
        .filter(|gap| !gap.is_empty())
        .collect();
    // Records that the broker deleted before Weir read them were never below next_offset, but they
    // are lost, too.
    let undelivered = gaps.iter().cloned().chain(std::iter::once(next_offset..low));
    let records = stored.map_or(0, |stored| stored.records);
    let in_gaps: i64 = gaps.iter().map(|gap| gap.end - gap.start).sum();
    Finding {
        topic: broker.topic.clone(),
        partition: broker.partition,
        is_known: stored.is_some(),
        records,
        missing: gaps
            .iter()
            .map(|gap| gap.start.max(low)..gap.end)
            .filter(|range| !range.is_empty())
            .collect(),
        lost: undelivered
            .map(|range| range.start..range.end.min(low))
            .filter(|range| !range.is_empty())
            .collect(),
        behind: next_offset.max(low)..broker.high.max(next_offset).max(low),
        hidden: broker.high.max(next_offset)..broker.end.max(broker.high).max(next_offset),
        holes: (next_offset - begin - in_gaps - records).max(0),
    }
}

#[cfg(test)]
#[expect(clippy::single_range_in_vec_init, reason = "a list of ranges is what is meant")]
mod tests {
    use super::*;

    fn broker(low: i64, high: i64) -> BrokerPartition {
        BrokerPartition { topic: "t".into(), partition: 0, low, high, end: high }
    }

    fn stored(
        next_offset: i64,
        begin_offset: Option<i64>,
        records: i64,
        gaps: &[OffsetRange],
    ) -> Stored {
        Stored { next_offset, begin_offset, records, gaps: gaps.to_vec() }
    }

    #[test]
    fn a_gap_is_missing_above_the_low_watermark_and_lost_below() {
        let found = finding(&broker(7, 30), Some(&stored(20, Some(0), 13, &[5..10, 12..13])));
        assert_eq!(found.missing, [7..10, 12..13]);
        assert_eq!(found.lost, [5..7]);
        assert_eq!((found.behind, found.holes), (20..30, 1));
    }

    #[test]
    fn what_was_dropped_before_it_was_read_is_lost_and_not_behind() {
        let found = finding(&broker(50, 60), Some(&stored(20, Some(0), 20, &[])));
        assert_eq!((found.lost, found.behind), (vec![20..50], 50..60));
        let found = finding(&broker(0, 0), Some(&stored(20, Some(0), 20, &[])));
        assert_eq!((found.lost, found.behind), (vec![], 20..20));
    }

    #[test]
    fn records_dropped_before_the_first_start_are_not_lost() {
        let never_read = finding(&broker(50, 60), None);
        assert_eq!((never_read.lost, never_read.behind, never_read.holes), (vec![], 50..60, 0));
        let noted = finding(&broker(70, 80), Some(&stored(80, Some(50), 30, &[0..50])));
        assert_eq!((noted.missing, noted.lost, noted.holes), (vec![], vec![], 0));
        // A database of a release that did not store the begin.
        let older = finding(&broker(70, 80), Some(&stored(80, None, 30, &[0..50])));
        assert_eq!((older.missing, older.lost, older.holes), (vec![], vec![], 0));
    }

    #[test]
    fn an_open_transaction_hides_what_comes_behind_it() {
        let broker = BrokerPartition { end: 61, ..broker(0, 10) };
        assert_eq!(finding(&broker, Some(&stored(10, Some(0), 10, &[]))).hidden, 10..61);
        let read_uncommitted = finding(&broker, Some(&stored(61, Some(0), 61, &[])));
        assert_eq!((read_uncommitted.behind, read_uncommitted.hidden), (61..61, 61..61));
    }
}
