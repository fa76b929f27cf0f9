//! Rows as binary COPY has them (PostgreSQL's documentation, COPY, "Binary Format"), in batches.

use bytes::{BufMut, Bytes, BytesMut};

use crate::DumpError;

/// The header that such data begins with: eleven bytes, flags, and the length of an extension.
pub const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// What it ends with, in place of a row's number of fields.
pub const TRAILER: &[u8] = b"\xff\xff";

/// Rows on their way: whole ones, one behind the other.
#[derive(Debug, Clone)]
pub struct Batch {
    /// The rows, each its number of fields and then the fields with their lengths.
    pub data: Bytes,
    /// How many.
    pub rows: usize,
}

/// Collects rows into batches of about one size.
pub struct Batcher {
    data: BytesMut,
    rows: usize,
    begun: bool,
    ended: bool,
}

/// A batch is handed on at this size. A row longer than that is a batch of its own.
const BATCH_BYTES: usize = 48 * 1024;

impl Default for Batcher {
    fn default() -> Self {
        Self::new()
    }
}

impl Batcher {
    /// Nothing yet.
    pub fn new() -> Self {
        Self { data: BytesMut::with_capacity(BATCH_BYTES + BATCH_BYTES / 4), rows: 0, begun: false, ended: false }
    }

    /// Takes one message of the server's: a row, with the header before the first one. Gives a batch when one is full.
    pub fn push(&mut self, message: &[u8]) -> Result<Option<Batch>, DumpError> {
        let mut row = message;
        if !self.begun {
            row = row.strip_prefix(HEADER).ok_or_else(|| DumpError::Broken("the database sent no COPY in binary format".to_owned()))?;
            self.begun = true;
        }
        if row == TRAILER {
            self.ended = true;
            return Ok(None);
        }
        if row.is_empty() {
            return Ok(None);
        }
        self.data.extend_from_slice(row);
        self.rows += 1;
        Ok(if self.data.len() >= BATCH_BYTES { self.take() } else { None })
    }

    /// What is there; none when nothing is.
    pub fn take(&mut self) -> Option<Batch> {
        if self.rows == 0 {
            return None;
        }
        let rows = std::mem::take(&mut self.rows);
        let data = std::mem::replace(&mut self.data, BytesMut::with_capacity(BATCH_BYTES + BATCH_BYTES / 4));
        Some(Batch { data: data.freeze(), rows })
    }

    /// Whether the end was seen.
    pub fn ended(&self) -> bool {
        self.ended
    }
}

/// Goes through rows field by field. The bytes come from the server or from our own encoder; whatever they are, nothing is read
/// beyond their end.
pub struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// At the first row.
    pub fn new(data: &'a [u8]) -> Self {
        Self { rest: data }
    }

    /// Begins the next row of so many fields; false at the end.
    pub fn next_row(&mut self, fields: usize) -> Result<bool, DumpError> {
        if self.rest.is_empty() {
            return Ok(false);
        }
        let count = self.take(2)?;
        if usize::from(u16::from_be_bytes([count[0], count[1]])) != fields {
            return Err(cut());
        }
        Ok(true)
    }

    /// The next field; none for null.
    pub fn next_field(&mut self) -> Result<Option<&'a [u8]>, DumpError> {
        let length = self.take(4)?;
        let length = i32::from_be_bytes([length[0], length[1], length[2], length[3]]);
        match usize::try_from(length) {
            Ok(length) => self.take(length).map(Some),
            Err(_) => Ok(None),
        }
    }

    /// What was not gone through.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], DumpError> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or_else(cut)?;
        self.rest = rest;
        Ok(taken)
    }
}

fn cut() -> DumpError {
    DumpError::Broken("a row of a COPY does not have the shape of its table".to_owned())
}

/// A field of eight bytes.
pub fn int8(field: &[u8]) -> Result<i64, DumpError> {
    field.try_into().map(i64::from_be_bytes).map_err(|_| cut())
}

/// A field of four bytes.
pub fn int4(field: &[u8]) -> Result<i32, DumpError> {
    field.try_into().map(i32::from_be_bytes).map_err(|_| cut())
}

/// A field of one byte, not null.
pub fn boolean(field: &[u8]) -> Result<bool, DumpError> {
    field.first().map(|b| *b != 0).ok_or_else(cut)
}

/// The text of a `jsonb` field.
pub fn jsonb(field: &[u8]) -> Result<&[u8], DumpError> {
    field.strip_prefix(b"\x01").ok_or_else(cut)
}

/// Appends a field.
pub fn put(out: &mut BytesMut, field: Option<&[u8]>) -> Result<(), DumpError> {
    match field {
        None => out.put_i32(-1),
        Some(bytes) => {
            out.put_i32(i32::try_from(bytes.len()).map_err(|_| cut())?);
            out.put_slice(bytes);
        }
    }
    Ok(())
}
