//! Converts a record of CSV with a header (RFC 4180) to a JSON object. The header names the
//! members.
//!
//! A cell becomes a text, unless `--types` gives its column another type. An empty cell without
//! quotes becomes null, as in the dumps; `""` is an empty text.

use std::borrow::Cow;

use serde_json::{Value, value::RawValue};
use weir_model::excerpt;

use super::reading::{CellType, ColumnType};
use crate::splitting::delimiter_of;

/// The highest number of cells in a record.
const CELLS_MAX: usize = 10_000;

/// Converts one record after another.
pub(super) struct Rows<'r> {
    delimiter: Option<u8>,
    types: &'r [ColumnType],
    header: Option<Header>,
}

struct Header {
    delimiter: u8,
    /// Each column's name as JSON, with the type of its cells.
    columns: Vec<(String, CellType)>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Row {
    /// The first record, which names the members of the others.
    Header,
    /// A JSON object.
    Object(String),
}

impl<'r> Rows<'r> {
    pub(super) fn new(delimiter: Option<u8>, types: &'r [ColumnType]) -> Self {
        Self { delimiter, types, header: None }
    }

    /// Returns whether the header was read. Without a header no other record can be converted.
    pub(super) fn has_header(&self) -> bool {
        self.header.is_some()
    }

    /// Converts the next record. The error is a text for people.
    pub(super) fn read(&mut self, record: &str) -> Result<Row, String> {
        if let Some(header) = &self.header {
            return header.object(record).map(Row::Object);
        }
        self.header = Some(self.named(record)?);
        Ok(Row::Header)
    }

    fn named(&self, record: &str) -> Result<Header, String> {
        let delimiter = self.delimiter.unwrap_or_else(|| delimiter_of(record.as_bytes()));
        let names: Vec<String> = cells(record, delimiter)?
            .into_iter()
            .map(|name| name.unwrap_or_default().trim().to_owned())
            .collect();
        if let Some(twice) =
            names.iter().enumerate().find_map(|(n, name)| names[..n].contains(name).then_some(name))
        {
            return Err(format!("the header has {} twice", excerpt(twice)));
        }
        let cell_type = |name: &str| {
            self.types
                .iter()
                .rev()
                .find(|one| one.column == name)
                .map_or(CellType::Text, |one| one.cell)
        };
        let columns = names.iter().map(|name| (json_text(name), cell_type(name))).collect();
        Ok(Header { delimiter, columns })
    }
}

impl Header {
    fn object(&self, record: &str) -> Result<String, String> {
        let cells = cells(record, self.delimiter)?;
        if cells.len() != self.columns.len() {
            return Err(format!(
                "the row has {} cells, but the header has {}",
                cells.len(),
                self.columns.len()
            ));
        }
        let mut object = String::with_capacity(record.len() * 2);
        for ((name, cell_type), cell) in self.columns.iter().zip(cells) {
            object.push(if object.is_empty() { '{' } else { ',' });
            object.push_str(name);
            object.push(':');
            match cell {
                None => object.push_str("null"),
                Some(cell) => object.push_str(
                    &cell_type.value(&cell).map_err(|fault| format!("column {name}: {fault}"))?,
                ),
            }
        }
        object.push('}');
        Ok(object)
    }
}

impl CellType {
    fn value(self, cell: &str) -> Result<Cow<'_, str>, String> {
        let bare = cell.trim();
        let fits = match self {
            Self::Text => return Ok(Cow::Owned(json_text(cell))),
            Self::Number => bare.starts_with(|c: char| c == '-' || c.is_ascii_digit()),
            Self::Boolean => matches!(bare, "true" | "false"),
            Self::Json => true,
        };
        if fits && serde_json::from_str::<&RawValue>(bare).is_ok() {
            return Ok(Cow::Borrowed(bare));
        }
        Err(format!("{} is not valid JSON of type {self}", excerpt(cell)))
    }
}

fn json_text(text: &str) -> String {
    Value::from(text).to_string()
}

/// Returns the cells; `None` for an empty cell without quotes.
fn cells(record: &str, delimiter: u8) -> Result<Vec<Option<Cow<'_, str>>>, String> {
    let delimiter = char::from(delimiter);
    let (mut cells, mut rest) = (Vec::new(), record);
    loop {
        let number = cells.len() + 1;
        if number > CELLS_MAX {
            return Err(format!("the row has more than {CELLS_MAX} cells"));
        }
        let (cell, behind) = if let Some(quoted) = rest.strip_prefix('"') {
            let (cell, behind) = unquoted(quoted)
                .ok_or_else(|| format!("the quote of cell {number} is not closed"))?;
            (Some(cell), behind)
        } else {
            let (cell, behind) = rest.split_at(rest.find(delimiter).unwrap_or(rest.len()));
            if cell.contains('"') {
                return Err(format!(
                    "cell {number} contains a quote but does not begin with a quote"
                ));
            }
            ((!cell.is_empty()).then_some(Cow::Borrowed(cell)), behind)
        };
        cells.push(cell);
        match behind.strip_prefix(delimiter) {
            Some(next) => rest = next,
            None if behind.is_empty() => return Ok(cells),
            None => return Err(format!("text follows the closing quote of cell {number}")),
        }
    }
}

/// Returns the text between the quotes, and the rest of the record after the closing quote.
fn unquoted(quoted: &str) -> Option<(Cow<'_, str>, &str)> {
    let mut end = quoted.find('"')?;
    if !quoted[end + 1..].starts_with('"') {
        return Some((Cow::Borrowed(&quoted[..end]), &quoted[end + 1..]));
    }
    let (mut cell, mut begin) = (String::new(), 0);
    while quoted[end + 1..].starts_with('"') {
        // Keep one of the two quotes.
        cell.push_str(&quoted[begin..=end]);
        begin = end + 2;
        end = begin + quoted[begin..].find('"')?;
    }
    cell.push_str(&quoted[begin..end]);
    Some((Cow::Owned(cell), &quoted[end + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(
        delimiter: Option<u8>,
        types: &[&str],
        header: &str,
        record: &str,
    ) -> Result<String, String> {
        let types: Vec<ColumnType> = types.iter().map(|text| text.parse().unwrap()).collect();
        let mut rows = Rows::new(delimiter, &types);
        assert_eq!(rows.read(header)?, Row::Header);
        match rows.read(record)? {
            Row::Object(object) => Ok(object),
            Row::Header => panic!("another header"),
        }
    }

    #[test]
    fn a_cell_is_a_text_and_nothing_else() {
        let header = "id, code,zip,flag,empty,none";
        let expected =
            r#"{"id":"12e4567","code":"01234","zip":" 7 ","flag":"true","empty":"","none":null}"#;
        assert_eq!(read(None, &[], header, r#"12e4567,01234, 7 ,true,"","#).unwrap(), expected);
        assert_eq!(
            read(None, &[], "a,b", "\"a \"\"b\"\",\nc\",null").unwrap(),
            r#"{"a":"a \"b\",\nc","b":"null"}"#
        );
        assert_eq!(read(None, &[], "a;b", "1,5;x").unwrap(), r#"{"a":"1,5","b":"x"}"#);
        assert_eq!(read(None, &[], "a\tb", "1\t").unwrap(), r#"{"a":"1","b":null}"#);
        assert_eq!(read(Some(b':'), &[], "a:b,c", "1:2").unwrap(), r#"{"a":"1","b,c":"2"}"#);
        assert_eq!(read(None, &[], "a", "\"\"\"\"").unwrap(), r#"{"a":"\""}"#);
        assert_eq!(read(None, &[], "a,b", ",\"\"\"x\"\"\"").unwrap(), r#"{"a":null,"b":"\"x\""}"#);
    }

    #[test]
    fn what_else_it_is_must_be_said() {
        let types = ["n=number", "b=boolean", "j=json", "other=number"];
        let read = |record| read(None, &types, "n,b,j,t", record);
        assert_eq!(
            read("55.50,true,\"[1,\"\"x\"\"]\",1").unwrap(),
            r#"{"n":55.50,"b":true,"j":[1,"x"],"t":"1"}"#
        );
        assert_eq!(read(",,,").unwrap(), r#"{"n":null,"b":null,"j":null,"t":null}"#);
        assert_eq!(read(" -1e3 ,false,{},").unwrap(), r#"{"n":-1e3,"b":false,"j":{},"t":null}"#);
        for (record, fault) in [
            ("01234,,,", "column \"n\": \"01234\" is not valid JSON of type number"),
            ("\"\",,,", "column \"n\": \"\" is not valid JSON of type number"),
            ("true,,,", "column \"n\": \"true\" is not valid JSON of type number"),
            (",1,,", "column \"b\": \"1\" is not valid JSON of type boolean"),
            (",,{,", "column \"j\": \"{\" is not valid JSON of type JSON"),
        ] {
            assert_eq!(read(record).unwrap_err(), fault);
        }
    }

    #[test]
    fn an_invalid_record_has_a_reason() {
        for (header, record, fault) in [
            ("a,b", "1", "the row has 1 cells, but the header has 2"),
            ("a,b", "1,2,3", "the row has 3 cells, but the header has 2"),
            ("a,b", "\"1\"x,2", "text follows the closing quote of cell 1"),
            ("a,b", "1,2\"", "cell 2 contains a quote but does not begin with a quote"),
            ("a,a", "1,2", "the header has \"a\" twice"),
            ("a, a", "1,2", "the header has \"a\" twice"),
            ("a,,", "1,2,3", "the header has \"\" twice"),
        ] {
            assert_eq!(read(None, &[], header, record).unwrap_err(), fault, "{record}");
        }
        let wide = ",".repeat(CELLS_MAX);
        assert_eq!(read(None, &[], "a,b", &wide).unwrap_err(), "the row has more than 10000 cells");
    }
}
