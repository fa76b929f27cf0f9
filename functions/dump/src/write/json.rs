//! Writes one JSON object per line, compressed with gzip. Every line has all columns of the table
//! as members, in the order of the table.
//!
//! Bytes are base64. JSON is copied, and a line break in it becomes a blank. If the copy loses a
//! line break, or blanks around the JSON, the additional member `<column>_text` has the original
//! text. The JSON value `null` has this member too, because it is different from SQL's null.

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
    /// The text before the value: `{"sensor":`, `,"value":`.
    before: Vec<u8>,
    /// `,"payload_text":`
    before_text: Vec<u8>,
}

impl JsonLines {
    pub(super) fn new(columns: &[TableColumn], output: Output) -> Result<Self, DumpError> {
        let member = |(n, column): (usize, &TableColumn)| {
            let name = |before: u8, suffix: &str| {
                let mut out = vec![before];
                string(&mut out, [&column.name, suffix].concat().as_bytes())?;
                out.push(b':');
                Ok::<_, DumpError>(out)
            };
            let before = name(if n == 0 { b'{' } else { b',' }, "")?;
            Ok(Member { sql_type: column.sql_type, before, before_text: name(b',', "_text")? })
        };
        let columns = columns.iter().enumerate().map(member).collect::<Result<_, DumpError>>()?;
        Ok(Self { columns, writer: text::Writer::default(), file: text::Zipped::new(output) })
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
                text::Shape::Text(text) => string(out, text)?,
                text::Shape::Json(json) => {
                    out.extend_from_slice(json);
                    let blank = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_whitespace);
                    if json == b"null"
                        || memchr::memchr2(b'\n', b'\r', json).is_some()
                        || blank(json.first())
                        || blank(json.last())
                    {
                        // JSON strings contain no raw line breaks, so these line breaks are between
                        // tokens.
                        for byte in &mut out[begin..] {
                            if matches!(byte, b'\n' | b'\r') {
                                *byte = b' ';
                            }
                        }
                        out.extend_from_slice(&member.before_text);
                        string(out, json)?;
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

/// Appends a JSON string. PostgreSQL's text is UTF-8.
fn string(out: &mut Vec<u8>, text: &[u8]) -> Result<(), DumpError> {
    let text = std::str::from_utf8(text).map_err(|e| DumpError::encoding(&e))?;
    serde_json::to_writer(out, text).map_err(|e| DumpError::encoding(&e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_what_serde_reads() {
        let all: String =
            (0..0x300).filter_map(char::from_u32).chain("€😀\u{2028}".chars()).collect();
        let mut out = Vec::new();
        string(&mut out, all.as_bytes()).unwrap();
        assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), all);
        assert!(!out.contains(&b'\n'));
    }
}
