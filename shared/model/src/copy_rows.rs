//! Rows in the format of binary COPY (PostgreSQL's documentation, COPY, "Binary Format").

use crate::Micros;
use bytes::{BufMut, Bytes, BytesMut};

/// Begins the data: eleven bytes of signature, flags, and the length of an extension.
pub const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// Ends the data, in place of the number of fields of a row.
pub const TRAILER: &[u8] = b"\xff\xff";

/// A growing buffer of rows, taken out in chunks.
#[derive(Debug)]
pub struct CopyRows(BytesMut);

impl CopyRows {
    /// An empty buffer with the header, with room for `capacity` bytes.
    pub fn new(capacity: usize) -> Self {
        let mut buffer = BytesMut::with_capacity(capacity);
        buffer.put_slice(HEADER);
        Self(buffer)
    }

    /// Begins a row of so many fields.
    pub fn row(&mut self, fields: i16) {
        self.0.put_i16(fields);
    }

    /// A field of type `integer`.
    pub fn int4(&mut self, value: i32) {
        self.0.put_i32(4);
        self.0.put_i32(value);
    }

    /// A field of type `bigint`.
    pub fn int8(&mut self, value: i64) {
        self.0.put_i32(8);
        self.0.put_i64(value);
    }

    /// A field of type `double precision`.
    pub fn float8(&mut self, value: f64) {
        self.0.put_i32(8);
        self.0.put_f64(value);
    }

    /// A field of type `timestamptz`.
    pub fn instant(&mut self, value: Option<Micros>) {
        match value {
            Some(instant) => self.int8(instant.postgres()),
            None => self.0.put_i32(-1),
        }
    }

    /// Text, json and bytea are their bytes. A value comes out of an event of 6 MB, so its length
    /// fits.
    pub fn bytes(&mut self, value: Option<&[u8]>) {
        match value.map(|v| (i32::try_from(v.len()), v)) {
            Some((Ok(length), bytes)) => {
                self.0.put_i32(length);
                self.0.put_slice(bytes);
            }
            _ => self.0.put_i32(-1),
        }
    }

    /// A field of type `jsonb`: its version, then the text.
    pub fn jsonb(&mut self, json: &str) {
        const VERSION: u8 = 1;
        match i32::try_from(json.len() + 1) {
            Ok(length) => {
                self.0.put_i32(length);
                self.0.put_u8(VERSION);
                self.0.put_slice(json.as_bytes());
            }
            Err(_) => self.0.put_i32(-1),
        }
    }

    /// Ends the data.
    pub fn end(&mut self) {
        self.0.put_slice(TRAILER);
    }

    /// Bytes in the buffer.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes out what is in the buffer.
    pub fn take(&mut self) -> Bytes {
        self.0.split().freeze()
    }
}
