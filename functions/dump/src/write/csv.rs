//! Writes RFC 4180 with a header line, compressed with gzip. Null is an empty field, an empty text
//! is `""`. Other values are written as in JSON, but without JSON's quotes.

use super::{Encoder, Output, Written, text};
use crate::{
    DumpError,
    copy_format::{Batch, Fields},
    table::{SqlType, TableColumn},
};

pub(super) struct Csv {
    sql_types: Vec<SqlType>,
    writer: text::Writer,
    file: text::Zipped,
}

impl Csv {
    pub(super) fn new(columns: &[TableColumn], output: Output) -> Result<Self, DumpError> {
        let mut file = text::Zipped::new(output);
        let head = &mut file.text;
        for (n, column) in columns.iter().enumerate() {
            if n > 0 {
                head.push(b',');
            }
            quoted(head, column.name.as_bytes());
        }
        head.push(b'\n');
        file.flush()?;
        Ok(Self {
            sql_types: columns.iter().map(|c| c.sql_type).collect(),
            writer: text::Writer::default(),
            file,
        })
    }

    fn row(&mut self, fields: &mut Fields<'_>) -> Result<(), DumpError> {
        let out = &mut self.file.text;
        for (n, sql_type) in self.sql_types.iter().enumerate() {
            if n > 0 {
                out.push(b',');
            }
            let Some(field) = fields.next_field()? else { continue };
            let begin = out.len();
            match self.writer.field(out, *sql_type, field)? {
                // The base64 of empty bytes is empty, and must not become null.
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
        while fields.next_row(self.sql_types.len())? {
            self.row(&mut fields)?;
        }
        self.file.flush()
    }

    fn finish(self: Box<Self>) -> Result<Written, DumpError> {
        self.file.finish()
    }
}

/// Appends a text, in quotes where necessary. Without quotes an empty text would be null, and some
/// readers drop a blank at the begin or the end.
fn quoted(out: &mut Vec<u8>, text: &[u8]) {
    let special = |b: &u8| matches!(b, b',' | b'"' | b'\n' | b'\r');
    let plain = !text.is_empty()
        && !text.iter().any(special)
        && text.first() != Some(&b' ')
        && text.last() != Some(&b' ');
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
