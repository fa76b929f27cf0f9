//! The formats of a list: a JSON array, one JSON object a line, CSV.

use axum::http::{HeaderMap, header};
use tokio_postgres::Row;

use super::{Cell, RowEncoder};
use crate::{ApiError, json, row_stream::Lines};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// One JSON array.
    Json,
    /// One JSON object a line (<https://github.com/ndjson/ndjson-spec>).
    Ndjson,
    /// RFC 4180 with a header line.
    Csv,
}

impl Format {
    /// Returns the format that the client prefers (RFC 9110, 12.5.1). JSON when it accepts none of
    /// these formats.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let mut best = (Self::Json, 0.0);
        let all = headers.get_all(header::ACCEPT);
        for range in
            all.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','))
        {
            let mut parts = range.split(';').map(str::trim);
            let format = match parts.next().unwrap_or_default().to_ascii_lowercase().as_str() {
                "application/json" | "application/*" | "*/*" => Self::Json,
                "application/x-ndjson" | "application/ndjson" | "application/jsonl" => Self::Ndjson,
                "text/csv" | "text/*" => Self::Csv,
                _ => continue,
            };
            let quality = parts
                .find_map(|p| p.strip_prefix("q="))
                .map_or(1.0, |q| q.parse::<f64>().unwrap_or(0.0));
            if quality > best.1 {
                best = (format, quality);
            }
        }
        best.0
    }

    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Ndjson => "application/x-ndjson",
            Self::Csv => "text/csv; charset=utf-8; header=present",
        }
    }
}

/// Writes the elements of a list.
pub(super) struct Writer<E> {
    format: Format,
    elements: E,
    names: Vec<&'static str>,
    first: bool,
    /// A buffer for fields, reused for each row.
    field: String,
}

impl<E: RowEncoder> Writer<E> {
    pub(super) fn new(format: Format, elements: E) -> Self {
        Self { format, names: elements.names(), elements, first: true, field: String::new() }
    }

    /// Returns a whole page.
    pub(super) fn page(mut self, rows: &[Row]) -> Result<Vec<u8>, ApiError> {
        let mut out = Vec::with_capacity(
            rows.iter().map(|r| r.raw_size_bytes() + ELEMENT_BYTES).sum::<usize>() + 2,
        );
        self.begin(&mut out);
        for row in rows {
            self.row(row, &mut out)?;
        }
        self.end(&mut out);
        Ok(out)
    }
}

/// Bytes that are reserved for the names of an element's members.
const ELEMENT_BYTES: usize = 400;

impl<E: RowEncoder> Lines for Writer<E> {
    fn begin(&mut self, out: &mut Vec<u8>) {
        match self.format {
            Format::Json => out.push(b'['),
            Format::Ndjson => {}
            Format::Csv => {
                for (n, name) in self.names.iter().enumerate() {
                    out.extend_from_slice(if n > 0 { b"," } else { b"" });
                    out.extend_from_slice(name.as_bytes());
                }
                out.extend_from_slice(b"\r\n");
            }
        }
    }

    fn row(&mut self, row: &Row, out: &mut Vec<u8>) -> Result<(), tokio_postgres::Error> {
        let mut cells = Vec::with_capacity(self.names.len());
        self.elements.cells(row, &mut cells)?;
        match self.format {
            Format::Json => {
                if !std::mem::take(&mut self.first) {
                    out.push(b',');
                }
                element(self.elements.is_bare(), &self.names, &cells, out);
            }
            Format::Ndjson => {
                let begun = out.len();
                element(self.elements.is_bare(), &self.names, &cells, out);
                // A payload is shown as received, and may contain line breaks.
                fold_lines(&mut out[begun..]);
                out.push(b'\n');
            }
            Format::Csv => {
                for (n, cell) in cells.iter().enumerate() {
                    out.extend_from_slice(if n > 0 { b"," } else { b"" });
                    cell.write_csv(&mut self.field);
                    quoted(&self.field, out);
                }
                out.extend_from_slice(b"\r\n");
            }
        }
        Ok(())
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        if self.format == Format::Json {
            out.push(b']');
        }
    }
}

fn element(bare: bool, names: &[&str], cells: &[Cell<'_>], out: &mut Vec<u8>) {
    if bare {
        return cells.iter().for_each(|cell| cell.write_json(out));
    }
    object(names, cells, out);
}

/// Returns one row as JSON.
pub(crate) fn one(elements: &impl RowEncoder, row: &Row) -> Result<Vec<u8>, tokio_postgres::Error> {
    let mut cells = Vec::new();
    elements.cells(row, &mut cells)?;
    // The JSON of a failure contains its value twice.
    let mut out = Vec::with_capacity(row.raw_size_bytes() * 2 + ELEMENT_BYTES);
    object(&elements.names(), &cells, &mut out);
    Ok(out)
}

/// Appends an object with these members.
pub(crate) fn object(names: &[&str], cells: &[Cell<'_>], out: &mut Vec<u8>) {
    out.push(b'{');
    let mut first = true;
    for (name, cell) in names.iter().zip(cells).filter(|(_, cell)| cell.is_there()) {
        if !std::mem::take(&mut first) {
            out.push(b',');
        }
        json::append(out, name);
        out.push(b':');
        cell.write_json(out);
    }
    out.push(b'}');
}

/// Line breaks in JSON text are only between tokens, where they can be replaced by blanks.
fn fold_lines(json: &mut [u8]) {
    for byte in json.iter_mut().filter(|b| matches!(b, b'\n' | b'\r')) {
        *byte = b' ';
    }
}

/// Appends a field with the quotes of RFC 4180.
fn quoted(field: &str, out: &mut Vec<u8>) {
    if !field.contains([',', '"', '\r', '\n']) {
        return out.extend_from_slice(field.as_bytes());
    }
    out.push(b'"');
    out.extend_from_slice(field.replace('"', "\"\"").as_bytes());
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_says_how() {
        let format = |accept: &str| {
            let headers = HeaderMap::from_iter([(header::ACCEPT, accept.parse().unwrap())]);
            Format::of(&headers)
        };
        assert_eq!(Format::of(&HeaderMap::new()), Format::Json);
        for (accept, expected) in [
            ("*/*", Format::Json),
            ("application/x-ndjson", Format::Ndjson),
            ("text/csv;q=0.5, application/x-ndjson;q=0.9", Format::Ndjson),
            ("text/csv, */*;q=0.1", Format::Csv),
            ("text/csv;q=x", Format::Json),
            ("image/png", Format::Json),
            ("TEXT/CSV", Format::Csv),
        ] {
            assert_eq!(format(accept), expected, "{accept}");
        }
    }

    #[test]
    fn fields_are_quoted_where_they_must_be() {
        for (field, expected) in
            [("a", "a"), ("a,b", "\"a,b\""), ("a\"b\n", "\"a\"\"b\n\""), ("", "")]
        {
            let mut out = Vec::new();
            quoted(field, &mut out);
            assert_eq!(out, expected.as_bytes());
        }
    }
}
