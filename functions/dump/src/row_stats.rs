//! What a manifest says of rows: how many, their checksum, and which records they come from.

use std::collections::BTreeMap;

use xxhash_rust::xxh3::Xxh3;

use crate::{
    DumpError,
    rows::{Batch, Fields, int4, int8},
};

/// Goes along with the rows of a file.
pub struct Ledger {
    fields: usize,
    position: Option<[usize; 3]>,
    hash: Xxh3,
    /// Rows so far.
    pub rows: u64,
    /// First and last offset by (stream, partition).
    pub offsets: BTreeMap<(i32, i32), (i64, i64)>,
}

impl Ledger {
    /// Of rows of so many fields; `position` are the places of stream, partition and offset.
    pub fn new(fields: usize, position: Option<[usize; 3]>) -> Self {
        Self { fields, position, hash: Xxh3::new(), rows: 0, offsets: BTreeMap::new() }
    }

    /// Takes a batch.
    pub fn batch(&mut self, batch: &Batch) -> Result<(), DumpError> {
        self.hash.update(&batch.data);
        self.rows += batch.rows as u64;
        let Some(position) = self.position else { return Ok(()) };
        let mut fields = Fields::new(&batch.data);
        // Neighbours come from the same partition as a rule.
        let mut run: Option<((i32, i32), (i64, i64))> = None;
        while fields.next_row(self.fields)? {
            let mut found: [Option<&[u8]>; 3] = [None; 3];
            for place in 0..self.fields {
                let field = fields.next_field()?;
                if let Some(n) = position.iter().position(|p| *p == place) {
                    found[n] = field;
                }
            }
            let [Some(stream), Some(partition), Some(offset)] = found else { continue };
            let (key, offset) = ((int4(stream)?, int4(partition)?), int8(offset)?);
            match &mut run {
                Some((same, (first, last))) if *same == key => (*first, *last) = ((*first).min(offset), (*last).max(offset)),
                _ => {
                    self.note(run.replace((key, (offset, offset))));
                }
            }
        }
        self.note(run);
        Ok(())
    }

    fn note(&mut self, run: Option<((i32, i32), (i64, i64))>) {
        let Some((key, (first, last))) = run else { return };
        let known = self.offsets.entry(key).or_insert((first, last));
        *known = (known.0.min(first), known.1.max(last));
    }

    /// xxh3-128 of the rows, hex.
    pub fn content(&self) -> String {
        format!("{:032x}", self.hash.digest128())
    }
}
