//! Registers the streams of restored rows and settles their offsets.

use std::collections::{BTreeMap, BTreeSet};

use tokio_postgres::{Client, Row, types::Type};
use weir_blob::{Manifest, UtcDay};

use crate::{
    DumpError,
    copy_format::{Batch, Fields, PartitionId},
    query::Param,
    table::DumpTable,
};

/// Registers the streams of the rows with the ids that the rows contain.
pub(super) async fn register(client: &Client, manifest: &Manifest) -> Result<(), DumpError> {
    let streams: BTreeSet<(i32, &str, &str, i32)> = manifest
        .offsets
        .iter()
        .map(|o| (o.stream, o.topic.as_str(), o.group_id.as_str(), o.epoch))
        .collect();
    for (id, topic, group_id, epoch) in &streams {
        // Rows that were written by hand may name a stream that never existed.
        if topic.is_empty() {
            continue;
        }
        let params: [Param<'_>; 4] =
            [(id, Type::INT4), (topic, Type::TEXT), (group_id, Type::TEXT), (epoch, Type::INT4)];
        client.query_typed(include_str!("../sql/register_stream.sql"), &params).await?;
    }
    let ids: Vec<i32> = streams.iter().map(|s| s.0).collect();
    let rows = client
        .query_typed(include_str!("../sql/name_streams.sql"), &[(&ids, Type::INT4_ARRAY)])
        .await?;
    let mut found = BTreeSet::<(i32, &str, &str, i32)>::new();
    for row in &rows {
        found.insert((
            row.try_get("id")?,
            row.try_get("topic")?,
            row.try_get("group_id")?,
            row.try_get("epoch")?,
        ));
    }
    if let Some((id, topic, group_id, epoch)) =
        streams.iter().find(|s| !s.1.is_empty() && !found.contains(*s))
    {
        return Err(DumpError::Refused(format!(
            "the dump's stream {id} is topic {topic} of group {group_id}, epoch {epoch}, but this \
                database uses the id for another stream: load the dump into an empty database"
        )));
    }
    if !ids.is_empty() {
        client.query_typed(include_str!("../sql/next_stream_id.sql"), &[]).await?;
    }
    Ok(())
}

/// The ranges of restored offsets of each partition of the log. The end of a range is exclusive.
#[derive(Default)]
pub(super) struct LogOffsets(BTreeMap<PartitionId, Vec<(i64, i64)>>);

impl LogOffsets {
    /// Adds the rows of a batch. Joins neighbouring offsets into ranges.
    pub(super) fn add(&mut self, table: &DumpTable, batch: &Batch) -> Result<(), DumpError> {
        let Some(position) = table.position() else { return Ok(()) };
        let mut fields = Fields::new(&batch.data);
        while fields.next_row(table.columns.len())? {
            let Some((partition, offset)) = fields.row_position(table.columns.len(), position)?
            else {
                continue;
            };
            let known = self.0.entry(partition).or_default();
            match known.last_mut() {
                Some((_, end)) if *end == offset => *end = offset.saturating_add(1),
                _ => known.push((offset, offset.saturating_add(1))),
            }
        }
        Ok(())
    }

    /// Counts the restored records in the database again, and no longer in the archive. Call it
    /// before the offsets are settled.
    pub(super) async fn bring_back(&self, client: &Client, day: UtcDay) -> Result<(), DumpError> {
        let (streams, partitions): (Vec<i32>, Vec<i32>) = self.0.keys().copied().unzip();
        let count = |ranges: &Vec<(i64, i64)>| ranges.iter().map(|(first, end)| end - first).sum();
        let records: Vec<i64> = self.0.values().map(count).collect();
        let params: [Param<'_>; 4] = [
            (&day.number(), Type::INT4),
            (&streams, Type::INT4_ARRAY),
            (&partitions, Type::INT4_ARRAY),
            (&records, Type::INT8_ARRAY),
        ];
        client.execute_typed(include_str!("../sql/bring_back.sql"), &params).await?;
        Ok(())
    }

    /// Settles the restored offsets. Offsets between them that were never delivered here become a
    /// gap.
    pub(super) async fn settle(self, client: &Client) -> Result<(), DumpError> {
        if self.0.is_empty() {
            return Ok(());
        }
        let (streams, partitions): (Vec<i32>, Vec<i32>) = self.0.keys().copied().unzip();
        let params: [Param<'_>; 2] =
            [(&streams, Type::INT4_ARRAY), (&partitions, Type::INT4_ARRAY)];
        client.query_typed(include_str!("../sql/lock_restored.sql"), &params).await?;
        let restored = self.0.into_iter().flat_map(|((stream, partition), ranges)| {
            ranges.into_iter().map(move |(first, end)| (stream, partition, first, end))
        });
        let rows =
            query(client, include_str!("../sql/settle_restored.sql"), &restored.collect()).await?;
        let gap = |row: &Row| -> Result<(i32, i32, i64, i64), DumpError> {
            Ok((
                row.try_get("stream")?,
                row.try_get("partition")?,
                row.try_get("first_offset")?,
                row.try_get("end_offset")?,
            ))
        };
        let gaps = rows.iter().map(gap).collect::<Result<_, _>>()?;
        query(client, include_str!("../sql/open_restored_gaps.sql"), &gaps).await?;
        Ok(())
    }
}

/// Ranges of offsets as parameters of `unnest`: streams, partitions, first offsets, ends.
type RangeColumns = (Vec<i32>, Vec<i32>, Vec<i64>, Vec<i64>);

async fn query(
    client: &Client,
    statement: &str,
    ranges: &RangeColumns,
) -> Result<Vec<Row>, DumpError> {
    let (streams, partitions, firsts, ends) = ranges;
    let params: [Param<'_>; 4] = [
        (streams, Type::INT4_ARRAY),
        (partitions, Type::INT4_ARRAY),
        (firsts, Type::INT8_ARRAY),
        (ends, Type::INT8_ARRAY),
    ];
    Ok(client.query_typed(statement, &params).await?)
}
