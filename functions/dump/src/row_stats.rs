//! What a manifest says about rows: their number, their checksum, and the records that they come
//! from.

use std::collections::BTreeMap;

use xxhash_rust::xxh3::Xxh3;

use crate::{
    DumpError,
    copy_format::{Batch, Fields, PartitionId},
};

/// First and last offset of each partition.
pub(crate) type OffsetRanges = BTreeMap<PartitionId, (i64, i64)>;

/// Widens the range of a partition so that it includes `first` and `last`.
pub(crate) fn include(
    ranges: &mut OffsetRanges,
    partition: PartitionId,
    (first, last): (i64, i64),
) {
    let known = ranges.entry(partition).or_insert((first, last));
    *known = (known.0.min(first), known.1.max(last));
}

/// Counts the rows of a file.
pub(crate) struct RowStats {
    fields: usize,
    /// The places of stream, partition and offset.
    position: Option<[usize; 3]>,
    hash: Xxh3,
    pub(crate) rows: u64,
    pub(crate) offsets: OffsetRanges,
}

impl RowStats {
    /// Of rows of `fields` fields; `position` are the places of stream, partition and offset.
    pub(crate) fn new(fields: usize, position: Option<[usize; 3]>) -> Self {
        Self { fields, position, hash: Xxh3::new(), rows: 0, offsets: OffsetRanges::new() }
    }

    /// Adds a batch.
    pub(crate) fn add(&mut self, batch: &Batch) -> Result<(), DumpError> {
        self.hash.update(&batch.data);
        self.rows += batch.rows as u64;
        let Some(position) = self.position else { return Ok(()) };
        let mut fields = Fields::new(&batch.data);
        // Neighbours come from the same partition as a rule.
        let mut run: Option<(PartitionId, (i64, i64))> = None;
        while fields.next_row(self.fields)? {
            let Some((partition, offset)) = fields.row_position(self.fields, position)? else {
                continue;
            };
            match &mut run {
                Some((same, (first, last))) if *same == partition => {
                    (*first, *last) = ((*first).min(offset), (*last).max(offset))
                }
                _ => {
                    if let Some((ended, range)) = run.replace((partition, (offset, offset))) {
                        include(&mut self.offsets, ended, range);
                    }
                }
            }
        }
        if let Some((ended, range)) = run {
            include(&mut self.offsets, ended, range);
        }
        Ok(())
    }

    /// xxh3-128 of the rows, hex.
    pub(crate) fn content(&self) -> String {
        format!("{:032x}", self.hash.digest128())
    }
}
