//! Settings for reading files: encoding, and the delimiter and column types of CSV.

use std::{fmt, str::FromStr};

use encoding_rs::{Encoding, UTF_8};

/// The settings for reading files.
#[derive(Debug, Clone, clap::Args)]
pub struct FileReading {
    /// Encoding of files without a byte order mark
    ///
    /// The name is a label of the WHATWG Encoding Standard, for example windows-1252, gb18030 or
    /// utf-16le.
    #[arg(long, env = "ENCODING", value_name = "NAME", default_value = "utf-8", value_parser = encoding)]
    pub encoding: &'static Encoding,

    /// Delimiter of CSV files: one character, or tab
    ///
    /// Without it, Weir uses the most frequent one of , ; tab and | in the header.
    #[arg(long, env = "DELIMITER", value_name = "CHARACTER", value_parser = delimiter)]
    pub delimiter: Option<u8>,

    /// Types of CSV columns: text, number, boolean or json
    ///
    /// For example value=number. The cells of a column without a type are texts.
    #[arg(long, env = "TYPES", value_name = "COLUMN=TYPE,…", value_delimiter = ',')]
    pub types: Vec<ColumnType>,
}

impl Default for FileReading {
    fn default() -> Self {
        Self { encoding: UTF_8, delimiter: None, types: Vec::new() }
    }
}

fn encoding(text: &str) -> Result<&'static Encoding, &'static str> {
    // The label "replacement" is for encodings that must not be decoded.
    let found = Encoding::for_label(text.trim().as_bytes())
        .filter(|found| found != &encoding_rs::REPLACEMENT);
    found.ok_or(
        "unknown encoding: give a label of https://encoding.spec.whatwg.org/#names-and-labels",
    )
}

fn delimiter(text: &str) -> Result<u8, &'static str> {
    match text.as_bytes() {
        _ if matches!(text, "tab" | "\\t") => Ok(b'\t'),
        [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r') => Ok(*byte),
        _ => Err("not a delimiter: give one ASCII character, or tab"),
    }
}

/// `column=type`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnType {
    /// The name as in the header.
    pub column: String,
    /// The type of the column's cells.
    pub cell: CellType,
}

/// The type of a cell of CSV.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CellType {
    /// The cell's text, unchanged.
    Text,
    /// A number in JSON's syntax.
    Number,
    /// `true` or `false`.
    Boolean,
    /// Any JSON value.
    Json,
}

impl FromStr for ColumnType {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // A column's name may contain =, a type may not.
        let (column, cell) = text.rsplit_once('=').ok_or("expected COLUMN=TYPE")?;
        let cell = match cell.trim() {
            "text" => CellType::Text,
            "number" => CellType::Number,
            "boolean" => CellType::Boolean,
            "json" => CellType::Json,
            _ => return Err("unknown type: give text, number, boolean or json"),
        };
        Ok(Self { column: column.trim().to_owned(), cell })
    }
}

impl fmt::Display for CellType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "text",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Json => "JSON",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_what_they_look_like_or_refused() {
        assert_eq!(encoding("Latin1").unwrap().name(), "windows-1252");
        assert!(encoding("ebcdic").is_err() && encoding("iso-2022-kr").is_err());
        assert_eq!(
            (delimiter(";"), delimiter("tab"), delimiter("\t"), delimiter(":")),
            (Ok(b';'), Ok(b'\t'), Ok(b'\t'), Ok(b':'))
        );
        for wrong in ["", ";;", "\"", "\n", "ä"] {
            assert!(delimiter(wrong).is_err(), "{wrong:?}");
        }
        assert_eq!(
            "a=b=number".parse(),
            Ok(ColumnType { column: "a=b".into(), cell: CellType::Number })
        );
        assert!("a".parse::<ColumnType>().is_err() && "a=int".parse::<ColumnType>().is_err());
    }
}
