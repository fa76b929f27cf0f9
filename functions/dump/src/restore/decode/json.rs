//! Decodes JSON lines.

use std::{
    borrow::Cow,
    collections::HashMap,
    fs::File,
    io::{BufRead, BufReader, Read},
};

use flate2::bufread::MultiGzDecoder;
use serde_json::value::RawValue;

use super::{Rows, damaged, field::from_text};
use crate::{
    DumpError,
    copy_format::put,
    table::{SqlType, TableColumn},
};

/// Maximum bytes of a line. A record has at most some megabytes, and a line contains its JSON twice
/// when the JSON has line breaks.
const LINE_BYTES_MAX: u64 = 256 * 1024 * 1024;

pub(super) fn decode(
    file: File,
    columns: &[TableColumn],
    rows: &mut Rows<'_>,
) -> Result<(), DumpError> {
    let mut lines = BufReader::with_capacity(256 * 1024, MultiGzDecoder::new(BufReader::new(file)));
    let texts: Vec<String> = columns.iter().map(|c| [&c.name, "_text"].concat()).collect();
    let mut line = Vec::new();
    loop {
        line.clear();
        let read =
            lines.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line).map_err(damaged)?;
        if read == 0 {
            return Ok(());
        }
        if line.pop() != Some(b'\n') {
            return Err(damaged("the last line is incomplete"));
        }
        let members: HashMap<Cow<'_, str>, &RawValue> =
            serde_json::from_slice(&line).map_err(damaged)?;
        rows.row(columns.len())?;
        for (column, text) in columns.iter().zip(&texts) {
            let value = members
                .get(column.name.as_str())
                .ok_or_else(|| damaged(format!("a line has no member {}", column.name)))?
                .get();
            match (value, column.sql_type, members.get(text.as_str())) {
                ("null", SqlType::Json | SqlType::Jsonb, None) if column.nullable => {
                    put(&mut rows.data, None)?;
                }
                ("null", sql_type, _) if !matches!(sql_type, SqlType::Json | SqlType::Jsonb) => {
                    put(&mut rows.data, None)?;
                }
                (_, SqlType::Json | SqlType::Jsonb, Some(exact)) => {
                    let exact: String = serde_json::from_str(exact.get()).map_err(damaged)?;
                    from_text(&mut rows.data, column, &exact)?;
                }
                (json, SqlType::Json | SqlType::Jsonb, None) => {
                    from_text(&mut rows.data, column, json)?;
                }
                (json, _, _) if json.starts_with('"') => {
                    let text: String = serde_json::from_str(json).map_err(damaged)?;
                    from_text(&mut rows.data, column, &text)?;
                }
                (bare, _, _) => from_text(&mut rows.data, column, bare)?,
            }
        }
        rows.end()?;
    }
}
