//! Rows in the format of binary COPY (PostgreSQL's documentation, COPY, "Binary Format").

use crate::Micros;
use bytes::{BufMut, Bytes, BytesMut};

/// The bytes before the first row: eleven bytes of signature, the flags, and the length of an
/// extension.
pub const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// The bytes after the last row. They take the place of a row's number of fields.
pub const TRAILER: &[u8] = b"\xff\xff";

/// A growing buffer of rows, which the caller takes out in chunks.
#[derive(Debug)]
pub struct CopyRows(BytesMut);

impl CopyRows {
    /// Returns a buffer that holds the header and has `capacity` bytes allocated.
    pub fn new(capacity: usize) -> Self {
        let mut buffer = BytesMut::with_capacity(capacity);
        buffer.put_slice(HEADER);
        Self(buffer)
    }

    /// Begins a row with `fields` fields.
    pub fn row(&mut self, fields: i16) {
        self.0.put_i16(fields);
    }

    /// Adds a field of type `integer`.
    pub fn int4(&mut self, value: i32) {
        self.0.put_i32(4);
        self.0.put_i32(value);
    }

    /// Adds a field of type `bigint`.
    pub fn int8(&mut self, value: i64) {
        self.0.put_i32(8);
        self.0.put_i64(value);
    }

    /// Adds a field of type `integer`, or null.
    pub fn maybe_int4(&mut self, value: Option<i32>) {
        match value {
            Some(value) => self.int4(value),
            None => self.null(),
        }
    }

    /// Adds a field of type `bigint`, or null.
    pub fn maybe_int8(&mut self, value: Option<i64>) {
        match value {
            Some(value) => self.int8(value),
            None => self.null(),
        }
    }

    /// Adds a field of type `boolean`.
    pub fn bool(&mut self, value: bool) {
        self.0.put_i32(1);
        self.0.put_u8(value.into());
    }

    fn null(&mut self) {
        self.0.put_i32(-1);
    }

    /// Adds a field of type `double precision`.
    pub fn float8(&mut self, value: f64) {
        self.0.put_i32(8);
        self.0.put_f64(value);
    }

    /// Adds a field of type `timestamptz`.
    pub fn instant(&mut self, value: Option<Micros>) {
        match value {
            Some(instant) => self.int8(instant.postgres()),
            None => self.null(),
        }
    }

    /// Adds a field of type `text`, `json` or `bytea`, which are sent as their bytes. A value comes
    /// from an event of at most 6 MB, so its length fits into 32 bits.
    pub fn bytes(&mut self, value: Option<&[u8]>) {
        match value.map(|v| (i32::try_from(v.len()), v)) {
            Some((Ok(length), bytes)) => {
                self.0.put_i32(length);
                self.0.put_slice(bytes);
            }
            _ => self.null(),
        }
    }

    /// Adds a field of type `jsonb`: a version byte, then the text.
    pub fn jsonb(&mut self, json: &str) {
        const VERSION: u8 = 1;
        match i32::try_from(json.len() + 1) {
            Ok(length) => {
                self.0.put_i32(length);
                self.0.put_u8(VERSION);
                self.0.put_slice(json.as_bytes());
            }
            Err(_) => self.null(),
        }
    }

    /// Adds a field of an array type, or null.
    pub fn array(&mut self, array: Option<&ArrayField>) {
        // Dimensions, whether it has nulls, the type of an element, the length, and the first
        // subscript (array_recv).
        const ARRAY_HEADER: usize = 20;
        match array.map(|a| (i32::try_from(a.bytes.len() + ARRAY_HEADER), a)) {
            Some((Ok(length), array)) => {
                self.0.put_i32(length);
                self.0.put_i32(1);
                self.0.put_i32(i32::from(array.nulls > 0));
                self.0.put_u32(array.element);
                self.0.put_i32(array.elements);
                self.0.put_i32(1);
                self.0.put_slice(&array.bytes);
            }
            _ => self.null(),
        }
    }

    /// Adds the end of the data.
    pub fn end(&mut self) {
        self.0.put_slice(TRAILER);
    }

    /// Returns the number of bytes in the buffer.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether the buffer is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the bytes of the buffer and leaves it empty.
    pub fn take(&mut self) -> Bytes {
        self.0.split().freeze()
    }
}

/// The elements of an array with one dimension.
#[derive(Debug)]
pub struct ArrayField {
    /// The type of an element, as its number in `pg_type`.
    element: u32,
    elements: i32,
    nulls: i32,
    bytes: BytesMut,
}

impl ArrayField {
    /// Returns an array without elements. `element` is the number of their type in `pg_type`.
    pub fn new(element: u32) -> Self {
        Self { element, elements: 0, nulls: 0, bytes: BytesMut::new() }
    }

    /// Adds an element in its binary format, or null. An element comes from an event of at most
    /// 6 MB, so its length fits into 32 bits.
    pub fn push(&mut self, value: Option<&[u8]>) {
        self.elements += 1;
        if let Some((Ok(length), bytes)) = value.map(|v| (i32::try_from(v.len()), v)) {
            self.bytes.put_i32(length);
            self.bytes.put_slice(bytes);
        } else {
            self.nulls += 1;
            self.bytes.put_i32(-1);
        }
    }

    /// Returns the array, unless all its elements are null.
    pub fn unless_null(&self) -> Option<&Self> {
        (self.nulls < self.elements).then_some(self)
    }

    /// Removes all elements, and keeps the memory.
    pub fn clear(&mut self) {
        (self.elements, self.nulls) = (0, 0);
        self.bytes.clear();
    }
}
