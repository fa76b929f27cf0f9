//! A JSON object a line, gzip. Members are the table's columns, in their order, all of them in every line.
//!
//! Bytes are base64. JSON is copied, with a line break in it replaced by a blank. Where that loses a line break or blanks around the
//! JSON, and where the JSON is `null`, which is not SQL's null, one more member `<column>_text` holds the original text.

use data_encoding::HEXLOWER;

use super::{Encoder, Output, Written, text};
use crate::{
    DumpError,
    copy_format::{Batch, Fields},
    table::{SqlType, TableColumn},
};

pub(super) struct JsonLines {
    columns: Vec<Member>,
    writer: text::Writer,
    file: text::Zipped,
}

struct Member {
    sql_type: SqlType,
    /// What precedes the value: `{"sensor":`, `,"value":`.
    before: Vec<u8>,
    /// `,"payload_text":`
    before_text: Vec<u8>,
}

impl JsonLines {
    pub(super) fn new(columns: &[TableColumn], output: Output) -> Self {
        let member = |(n, column): (usize, &TableColumn)| {
            let name = |suffix: &str| {
                let mut out = vec![if n == 0 { b'{' } else { b',' }];
                string(&mut out, [&column.name, suffix].concat().as_bytes());
                out.push(b':');
                out
            };
            let mut before_text = name("_text");
            before_text[0] = b',';
            Member { sql_type: column.sql_type, before: name(""), before_text }
        };
        Self { columns: columns.iter().enumerate().map(member).collect(), writer: text::Writer::default(), file: text::Zipped::new(output) }
    }

    fn row(&mut self, fields: &mut Fields<'_>) -> Result<(), DumpError> {
        let out = &mut self.file.text;
        for member in &self.columns {
            out.extend_from_slice(&member.before);
            let Some(field) = fields.next_field()? else {
                out.extend_from_slice(b"null");
                continue;
            };
            let begin = out.len();
            match self.writer.field(out, member.sql_type, field)? {
                text::Shape::Bare => {}
                text::Shape::Quoted => {
                    out.push(b'"');
                    out.insert(begin, b'"');
                }
                text::Shape::Text(text) => string(out, text),
                text::Shape::Json(json) => {
                    out.extend_from_slice(json);
                    let blank = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_whitespace);
                    if json == b"null" || memchr::memchr2(b'\n', b'\r', json).is_some() || blank(json.first()) || blank(json.last()) {
                        // Strings of JSON contain none, so these are all between its tokens.
                        for byte in &mut out[begin..] {
                            if matches!(byte, b'\n' | b'\r') {
                                *byte = b' ';
                            }
                        }
                        out.extend_from_slice(&member.before_text);
                        string(out, json);
                    }
                }
            }
        }
        out.extend_from_slice(b"}\n");
        Ok(())
    }
}

impl Encoder for JsonLines {
    fn batch(&mut self, batch: &Batch) -> Result<(), DumpError> {
        let mut fields = Fields::new(&batch.data);
        while fields.next_row(self.columns.len())? {
            self.row(&mut fields)?;
        }
        self.file.flush()
    }

    fn finish(self: Box<Self>) -> Result<Written, DumpError> {
        self.file.finish()
    }
}

/// What follows the backslash for each byte that a JSON string cannot hold; 1 for `\u00XX`.
const ESCAPES: [u8; 256] = {
    let mut table = [0; 256];
    let mut n = 0;
    while n < 32 {
        table[n] = 1;
        n += 1;
    }
    table[b'"' as usize] = b'"';
    table[b'\\' as usize] = b'\\';
    table[b'\n' as usize] = b'n';
    table[b'\r' as usize] = b'r';
    table[b'\t' as usize] = b't';
    table[8] = b'b';
    table[12] = b'f';
    table
};

/// A JSON string. PostgreSQL's text is UTF-8.
fn string(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    let mut begin = 0;
    for (n, byte) in text.iter().enumerate() {
        let escape = ESCAPES[usize::from(*byte)];
        if escape == 0 {
            continue;
        }
        out.extend_from_slice(&text[begin..n]);
        if escape == 1 {
            out.extend_from_slice(b"\\u00");
            let mut hex = [0; 2];
            HEXLOWER.encode_mut(&[*byte], &mut hex);
            out.extend_from_slice(&hex);
        } else {
            out.extend_from_slice(&[b'\\', escape]);
        }
        begin = n + 1;
    }
    out.extend_from_slice(&text[begin..]);
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_what_serde_reads() {
        let all: String = (0..0x300).filter_map(char::from_u32).chain("€😀\u{2028}".chars()).collect();
        let mut out = Vec::new();
        string(&mut out, all.as_bytes());
        assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), all);
        assert!(!out.contains(&b'\n'));
    }
}
