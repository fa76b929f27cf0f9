//! Decodes CSV as the encoder writes it: an empty field is null, `""` is an empty text. (The crates
//! `csv` and `csv-core` do not distinguish them.)

use std::{
    fs::File,
    io::{BufReader, Read},
};

use flate2::bufread::MultiGzDecoder;

use super::{Rows, damaged, field::from_text};
use crate::{DumpError, copy_format::put, table::TableColumn};

pub(super) fn decode(
    file: File,
    columns: &[TableColumn],
    rows: &mut Rows<'_>,
) -> Result<(), DumpError> {
    let mut reader = Reader(
        BufReader::with_capacity(256 * 1024, MultiGzDecoder::new(BufReader::new(file))).bytes(),
    );
    let Some(head) = reader.record()? else { return Err(damaged("the file has no header line")) };
    let place = |column: &TableColumn| {
        let found = head.iter().position(|name| name.as_deref() == Some(column.name.as_bytes()));
        found.ok_or_else(|| damaged(format!("the file has no column {}", column.name)))
    };
    let places = columns.iter().map(place).collect::<Result<Vec<_>, _>>()?;
    while let Some(record) = reader.record()? {
        if record.len() != head.len() {
            return Err(damaged("a line has a different number of fields than the header"));
        }
        rows.row(columns.len())?;
        for (column, place) in columns.iter().zip(&places) {
            match &record[*place] {
                None => put(&mut rows.data, None)?,
                Some(text) => {
                    from_text(&mut rows.data, column, std::str::from_utf8(text).map_err(damaged)?)?;
                }
            }
        }
        rows.end()?;
    }
    Ok(())
}

struct Reader<R>(std::io::Bytes<R>);

impl<R: Read> Reader<R> {
    fn next(&mut self) -> Result<Option<u8>, DumpError> {
        self.0.next().transpose().map_err(damaged)
    }

    /// Returns the next record; `None` at the end.
    fn record(&mut self) -> Result<Option<Vec<Option<Vec<u8>>>>, DumpError> {
        let mut fields = Vec::new();
        loop {
            let (field, end) = self.field()?;
            match end {
                None if fields.is_empty() && field.is_none() => return Ok(None),
                None => return Err(damaged("the last line is incomplete")),
                Some(end @ (b',' | b'\n')) => {
                    fields.push(field);
                    if end == b'\n' {
                        return Ok(Some(fields));
                    }
                }
                Some(_) => return Err(damaged("data follows a closing quote")),
            }
        }
    }

    /// Returns the next field, and the byte after it.
    fn field(&mut self) -> Result<(Option<Vec<u8>>, Option<u8>), DumpError> {
        let mut field = Vec::new();
        let mut next = self.next()?;
        if next == Some(b'"') {
            loop {
                match self.next()? {
                    None => return Err(damaged("a quote is not closed")),
                    Some(b'"') => match self.next()? {
                        Some(b'"') => field.push(b'"'),
                        after => return Ok((Some(field), after)),
                    },
                    Some(byte) => field.push(byte),
                }
            }
        }
        while let Some(byte) = next.filter(|byte| !matches!(byte, b',' | b'\n')) {
            field.push(byte);
            next = self.next()?;
        }
        Ok(((!field.is_empty()).then_some(field), next))
    }
}
