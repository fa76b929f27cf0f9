//! Reads and writes rows in the format of binary COPY (PostgreSQL's documentation, COPY, "Binary
//! Format"), in batches.

use bytes::{BufMut, Bytes, BytesMut};

use crate::DumpError;

/// Whole rows, without the header and the trailer of COPY.
#[derive(Debug, Clone)]
pub(crate) struct Batch {
    /// The rows. Each row is its number of fields and then the fields with their lengths.
    pub(crate) data: Bytes,
    /// The number of rows.
    pub(crate) rows: usize,
}

/// A partition: (stream, partition).
pub(crate) type PartitionId = (i32, i32);

/// Reads rows field by field. It never reads beyond the end of the bytes, even if they are invalid.
pub(crate) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// Starts at the first row.
    pub(crate) fn new(data: &'a [u8]) -> Self {
        Self { rest: data }
    }

    /// Begins the next row, which must have `fields` fields. Returns false at the end.
    pub(crate) fn next_row(&mut self, fields: usize) -> Result<bool, DumpError> {
        if self.rest.is_empty() {
            return Ok(false);
        }
        let count = self.take(2)?;
        if usize::from(u16::from_be_bytes([count[0], count[1]])) != fields {
            return Err(cut());
        }
        Ok(true)
    }

    /// Returns the next field; `None` for null.
    pub(crate) fn next_field(&mut self) -> Result<Option<&'a [u8]>, DumpError> {
        let length = self.take(4)?;
        let length = i32::from_be_bytes([length[0], length[1], length[2], length[3]]);
        match usize::try_from(length) {
            Ok(length) => self.take(length).map(Some),
            Err(_) => Ok(None),
        }
    }

    /// Reads a whole row of `fields` fields. Returns its partition, as (stream, partition), and its
    /// offset. `places` are the indexes of these three fields. Returns `None` when one of them is
    /// null.
    pub(crate) fn row_position(
        &mut self,
        fields: usize,
        places: [usize; 3],
    ) -> Result<Option<(PartitionId, i64)>, DumpError> {
        let mut found: [Option<&[u8]>; 3] = [None; 3];
        for place in 0..fields {
            let field = self.next_field()?;
            if let Some(n) = places.iter().position(|p| *p == place) {
                found[n] = field;
            }
        }
        let [Some(stream), Some(partition), Some(offset)] = found else { return Ok(None) };
        Ok(Some(((int4(stream)?, int4(partition)?), int8(offset)?)))
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], DumpError> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or_else(cut)?;
        self.rest = rest;
        Ok(taken)
    }
}

fn cut() -> DumpError {
    DumpError::Broken("a row of a COPY does not match the columns of its table".to_owned())
}

/// Reads a field of eight bytes.
pub(crate) fn int8(field: &[u8]) -> Result<i64, DumpError> {
    field.try_into().map(i64::from_be_bytes).map_err(|_| cut())
}

/// Reads a field of four bytes.
pub(crate) fn int4(field: &[u8]) -> Result<i32, DumpError> {
    field.try_into().map(i32::from_be_bytes).map_err(|_| cut())
}

/// Reads a boolean field, which must not be null.
pub(crate) fn boolean(field: &[u8]) -> Result<bool, DumpError> {
    field.first().map(|b| *b != 0).ok_or_else(cut)
}

/// Returns the text of a `jsonb` field.
pub(crate) fn jsonb(field: &[u8]) -> Result<&[u8], DumpError> {
    field.strip_prefix(b"\x01").ok_or_else(cut)
}

/// Appends a field.
pub(crate) fn put(out: &mut BytesMut, field: Option<&[u8]>) -> Result<(), DumpError> {
    match field {
        None => out.put_i32(-1),
        Some(bytes) => {
            out.put_i32(i32::try_from(bytes.len()).map_err(|_| cut())?);
            out.put_slice(bytes);
        }
    }
    Ok(())
}
