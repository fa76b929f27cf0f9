//! RFC 4180 with a header line, gzip. Null is an empty field, an empty text is `""`; everything else as in JSON, without JSON's quotes.

use std::io::Write as _;

use flate2::{Compression, write::GzEncoder};

use super::{Encoder, Output, Written, json::LEVEL, text};
use crate::{
    DumpError,
    rows::{Batch, Fields},
    source::{Column, Kind},
};

pub(super) struct Csv {
    kinds: Vec<Kind>,
    text: Vec<u8>,
    writer: text::Writer,
    gzip: GzEncoder<Output>,
}

impl Csv {
    pub(super) fn new(columns: &[Column], output: Output) -> Result<Self, DumpError> {
        let mut gzip = GzEncoder::new(output, Compression::new(LEVEL));
        let mut head = Vec::new();
        for (n, column) in columns.iter().enumerate() {
            if n > 0 {
                head.push(b',');
            }
            quoted(&mut head, column.name.as_bytes());
        }
        head.push(b'\n');
        gzip.write_all(&head).map_err(|e| DumpError::encoding(&e))?;
        Ok(Self {
            kinds: columns.iter().map(|c| c.kind).collect(),
            text: Vec::with_capacity(512 * 1024),
            writer: text::Writer::default(),
            gzip,
        })
    }

    fn row(&mut self, fields: &mut Fields<'_>) -> Result<(), DumpError> {
        let out = &mut self.text;
        for (n, kind) in self.kinds.iter().enumerate() {
            if n > 0 {
                out.push(b',');
            }
            let Some(field) = fields.next_field()? else { continue };
            let begin = out.len();
            match self.writer.field(out, *kind, field)? {
                // Base64 of nothing is nothing, and that is not null.
                text::Shape::Quoted if out.len() == begin => out.extend_from_slice(b"\"\""),
                text::Shape::Bare | text::Shape::Quoted => {}
                text::Shape::Text(text) | text::Shape::Json(text) => quoted(out, text),
            }
        }
        out.push(b'\n');
        Ok(())
    }
}

impl Encoder for Csv {
    fn batch(&mut self, batch: &Batch) -> Result<(), DumpError> {
        let mut fields = Fields::new(&batch.data);
        while fields.next_row(self.kinds.len())? {
            self.row(&mut fields)?;
        }
        self.gzip.write_all(&self.text).map_err(|e| DumpError::encoding(&e))?;
        self.text.clear();
        self.text.shrink_to(2 * 1024 * 1024);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Written, DumpError> {
        let output = self.gzip.finish().map_err(|e| DumpError::encoding(&e))?;
        output.finish().map_err(|e| DumpError::encoding(&e))
    }
}

/// In quotes where it has to be: an empty text would be null, one that begins or ends with a blank loses it in some readers.
fn quoted(out: &mut Vec<u8>, text: &[u8]) {
    let special = |b: &u8| matches!(b, b',' | b'"' | b'\n' | b'\r');
    let plain = !text.is_empty() && !text.iter().any(special) && text.first() != Some(&b' ') && text.last() != Some(&b' ');
    if plain {
        return out.extend_from_slice(text);
    }
    out.push(b'"');
    for byte in text {
        if *byte == b'"' {
            out.push(b'"');
        }
        out.push(*byte);
    }
    out.push(b'"');
}
