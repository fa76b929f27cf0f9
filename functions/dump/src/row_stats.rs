//! The data of a manifest about rows: their number, their checksum, and the offsets of their
//! records.

use std::collections::BTreeMap;

use xxhash_rust::xxh3::Xxh3;

use crate::{
    DumpError,
    copy_format::{Batch, Fields, PartitionId},
};

/// The first and the last offset of each partition.
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

/// Counts the rows of a file and computes their checksum.
pub(crate) struct RowStats {
    fields: usize,
    /// The indexes of the fields stream, partition and offset.
    position: Option<[usize; 3]>,
    hash: Xxh3,
    pub(crate) rows: u64,
    pub(crate) offsets: OffsetRanges,
}

impl RowStats {
    /// Counts rows of `fields` fields. `position` are the indexes of stream, partition and offset.
    pub(crate) fn new(fields: usize, position: Option<[usize; 3]>) -> Self {
        Self { fields, position, hash: Xxh3::new(), rows: 0, offsets: OffsetRanges::new() }
    }

    pub(crate) fn add(&mut self, batch: &Batch) -> Result<(), DumpError> {
        self.hash.update(&batch.data);
        self.rows += batch.rows as u64;
        let Some(position) = self.position else { return Ok(()) };
        let mut fields = Fields::new(&batch.data);
        // Neighbouring rows mostly come from the same partition.
        let mut run: Option<(PartitionId, (i64, i64))> = None;
        while fields.next_row(self.fields)? {
            let Some((partition, offset)) = fields.row_position(self.fields, position)? else {
                continue;
            };
            match &mut run {
                Some((same, (first, last))) if *same == partition => {
                    (*first, *last) = ((*first).min(offset), (*last).max(offset));
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

    /// Returns the xxh3-128 of the rows, in hex.
    pub(crate) fn content(&self) -> String {
        format!("{:032x}", self.hash.digest128())
    }
}
