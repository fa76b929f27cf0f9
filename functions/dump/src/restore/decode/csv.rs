//! CSV, as our encoder writes it: a field without quotes and without anything is null.

use std::{
    fs::File,
    io::{BufReader, Read},
};

use flate2::bufread::MultiGzDecoder;

use super::{Rows, damaged, field::from_text};
use crate::{DumpError, rows::put, source::Column};

pub(super) fn decode(file: File, columns: &[Column], rows: &mut Rows<'_>) -> Result<(), DumpError> {
    let mut reader =
        Reader { bytes: BufReader::with_capacity(256 * 1024, MultiGzDecoder::new(BufReader::new(file))).bytes(), field: Vec::new() };
    let Some(head) = reader.record()? else { return Err(damaged("it has no header line")) };
    let place = |column: &Column| {
        let found = head.iter().position(|name| name.as_deref() == Some(column.name.as_bytes()));
        found.ok_or_else(|| damaged(format!("it has no column {}", column.name)))
    };
    let places = columns.iter().map(place).collect::<Result<Vec<_>, _>>()?;
    while let Some(record) = reader.record()? {
        if record.len() != head.len() {
            return Err(damaged("a line has another number of fields than the header"));
        }
        rows.row(columns.len())?;
        for (column, place) in columns.iter().zip(&places) {
            match &record[*place] {
                None => put(&mut rows.data, None)?,
                Some(text) => from_text(&mut rows.data, column, std::str::from_utf8(text).map_err(damaged)?)?,
            }
        }
        rows.end()?;
    }
    Ok(())
}

struct Reader<R> {
    bytes: std::io::Bytes<R>,
    field: Vec<u8>,
}

impl<R: Read> Reader<R> {
    fn next(&mut self) -> Result<Option<u8>, DumpError> {
        self.bytes.next().transpose().map_err(damaged)
    }

    /// The next record; none at the end.
    fn record(&mut self) -> Result<Option<Vec<Option<Vec<u8>>>>, DumpError> {
        let mut fields = Vec::new();
        let mut quoted = false;
        let mut next = match self.next()? {
            None => return Ok(None),
            byte => byte,
        };
        loop {
            match next {
                None => return Err(damaged("its last line is cut")),
                Some(b'"') if !quoted && self.field.is_empty() => {
                    quoted = true;
                    next = self.quoted()?;
                    continue;
                }
                Some(end @ (b',' | b'\n')) => {
                    let field = std::mem::take(&mut self.field);
                    fields.push((quoted || !field.is_empty()).then_some(field));
                    quoted = false;
                    if end == b'\n' {
                        return Ok(Some(fields));
                    }
                }
                Some(_) if quoted => return Err(damaged("something stands behind a closing quote")),
                Some(byte) => self.field.push(byte),
            }
            next = self.next()?;
        }
    }

    /// What stands in quotes; gives the byte behind them.
    fn quoted(&mut self) -> Result<Option<u8>, DumpError> {
        loop {
            match self.next()? {
                None => return Err(damaged("a quote is not closed")),
                Some(b'"') => match self.next()? {
                    Some(b'"') => self.field.push(b'"'),
                    behind => return Ok(behind),
                },
                Some(byte) => self.field.push(byte),
            }
        }
    }
}
