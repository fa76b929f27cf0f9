//! Rows in the format of binary COPY (PostgreSQL's documentation, COPY, "Binary Format").

use bytes::{BufMut, Bytes, BytesMut};
use weir_model::Micros;

const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// A growing buffer of rows, taken out in chunks.
pub(crate) struct CopyRows(BytesMut);

impl CopyRows {
    pub(crate) fn new(capacity: usize) -> Self {
        let mut buffer = BytesMut::with_capacity(capacity);
        buffer.put_slice(HEADER);
        Self(buffer)
    }

    pub(crate) fn row(&mut self, fields: i16) {
        self.0.put_i16(fields);
    }

    pub(crate) fn int4(&mut self, value: i32) {
        self.0.put_i32(4);
        self.0.put_i32(value);
    }

    pub(crate) fn int8(&mut self, value: i64) {
        self.0.put_i32(8);
        self.0.put_i64(value);
    }

    pub(crate) fn instant(&mut self, value: Option<Micros>) {
        match value {
            Some(instant) => self.int8(instant.postgres()),
            None => self.0.put_i32(-1),
        }
    }

    /// Text, json and bytea are their bytes. A value comes out of an event of 6 MB, so its length fits.
    pub(crate) fn bytes(&mut self, value: Option<&[u8]>) {
        match value.map(|v| (i32::try_from(v.len()), v)) {
            Some((Ok(length), bytes)) => {
                self.0.put_i32(length);
                self.0.put_slice(bytes);
            }
            _ => self.0.put_i32(-1),
        }
    }

    pub(crate) fn end(&mut self) {
        self.0.put_i16(-1);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn take(&mut self) -> Bytes {
        self.0.split().freeze()
    }
}
