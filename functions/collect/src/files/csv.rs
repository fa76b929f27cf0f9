//! CSV with a header (RFC 4180) as NDJSON: one object a record, its members named by the header. A cell that is a JSON number,
//! `true`, `false` or `null` is that; an empty one is null; every other one is a text.

use async_trait::async_trait;
use bytes::Bytes;
use csv_core::{ReadRecordResult, Reader};
use serde_json::value::RawValue;

use crate::{
    body::{BodyFault, ByteSource},
    splitting::VALUE_BYTES_MAX,
};

/// A record may have so many cells.
const CELLS_MAX: usize = 10_000;

pub(super) struct Csv {
    source: Box<dyn ByteSource>,
    reader: Reader,
    header: Option<Vec<String>>,
    /// The record that is being read: its cells one after another, and where each ends.
    text: Vec<u8>,
    ends: Vec<usize>,
    read: (usize, usize),
    is_over: bool,
}

impl Csv {
    pub(super) fn new(source: Box<dyn ByteSource>) -> Self {
        let (text, ends) = (vec![0; 4096], vec![0; 64]);
        Self { source, reader: Reader::new(), header: None, text, ends, read: (0, 0), is_over: false }
    }

    /// The records that end in this piece, as lines.
    fn lines(&mut self, mut piece: &[u8], is_end: bool) -> Result<Vec<u8>, BodyFault> {
        let mut lines = Vec::new();
        // An empty piece is the end for the reader.
        if piece.is_empty() && !is_end {
            return Ok(lines);
        }
        loop {
            let (text, ends) = self.read;
            let (result, used, written, ended) = self.reader.read_record(piece, &mut self.text[text..], &mut self.ends[ends..]);
            piece = &piece[used..];
            self.read = (text + written, ends + ended);
            match result {
                ReadRecordResult::OutputFull if self.text.len() < 2 * VALUE_BYTES_MAX => self.text.resize(self.text.len() * 2, 0),
                ReadRecordResult::OutputEndsFull if self.ends.len() < CELLS_MAX => self.ends.resize(self.ends.len() * 2, 0),
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {
                    return Err(BodyFault::Cut(format!("a record at line {} of the CSV is too long", self.reader.line())));
                }
                ReadRecordResult::Record => {
                    self.record(&mut lines)?;
                    self.read = (0, 0);
                }
                ReadRecordResult::InputEmpty | ReadRecordResult::End => return Ok(lines),
            }
        }
    }

    fn record(&mut self, lines: &mut Vec<u8>) -> Result<(), BodyFault> {
        let (_, count) = self.read;
        let mut begin = 0;
        let cells: Vec<String> = self.ends[..count]
            .iter()
            .map(|end| String::from_utf8_lossy(&self.text[std::mem::replace(&mut begin, *end)..*end]).into_owned())
            .collect();
        let Some(header) = &self.header else {
            let names = cells.iter().map(|name| name.trim_start_matches('\u{feff}').trim().to_owned()).collect();
            self.header = Some(names);
            // So that records have the numbers of their lines.
            lines.push(b'\n');
            return Ok(());
        };
        if cells.len() != header.len() {
            return Err(BodyFault::Cut(format!(
                "the record before line {} of the CSV has {} cells, and the header {}",
                self.reader.line(),
                cells.len(),
                header.len()
            )));
        }
        lines.push(b'{');
        for (n, (name, cell)) in header.iter().zip(&cells).enumerate() {
            if n > 0 {
                lines.push(b',');
            }
            lines.extend_from_slice(quoted(name).as_bytes());
            lines.push(b':');
            lines.extend_from_slice(value(cell).as_bytes());
        }
        lines.extend_from_slice(b"}\n");
        Ok(())
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn value(cell: &str) -> String {
    let bare = cell.trim();
    let is_plain = bare.starts_with(|c: char| c == '-' || c.is_ascii_digit()) || matches!(bare, "true" | "false" | "null");
    match bare {
        "" => "null".to_owned(),
        _ if is_plain && serde_json::from_str::<&RawValue>(bare).is_ok() => bare.to_owned(),
        _ => quoted(cell),
    }
}

#[async_trait]
impl ByteSource for Csv {
    async fn next(&mut self) -> Result<Option<Bytes>, BodyFault> {
        while !self.is_over {
            let piece = self.source.next().await?;
            self.is_over = piece.is_none();
            let lines = self.lines(&piece.unwrap_or_default(), self.is_over)?;
            if !lines.is_empty() {
                return Ok(Some(lines.into()));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Pieces(Vec<Bytes>);

    #[async_trait]
    impl ByteSource for Pieces {
        async fn next(&mut self) -> Result<Option<Bytes>, BodyFault> {
            Ok((!self.0.is_empty()).then(|| self.0.remove(0)))
        }
    }

    async fn ndjson(text: &str, piece: usize) -> Result<String, BodyFault> {
        let pieces = text.as_bytes().chunks(piece).map(Bytes::copy_from_slice).collect();
        let mut csv = Csv::new(Box::new(Pieces(pieces)));
        let mut all = Vec::new();
        while let Some(piece) = csv.next().await? {
            all.extend_from_slice(&piece);
        }
        Ok(String::from_utf8(all).unwrap())
    }

    #[tokio::test]
    async fn a_record_is_an_object() {
        let text = "\u{feff}sensor, value,timestamp\r\nspeed,55.50,2026-01-01T00:00:00Z\n\"a \"\"b\"\",\nc\",,007\ntrue,-1e3,null";
        let expected = "\n{\"sensor\":\"speed\",\"value\":55.50,\"timestamp\":\"2026-01-01T00:00:00Z\"}\n\
                        {\"sensor\":\"a \\\"b\\\",\\nc\",\"value\":null,\"timestamp\":\"007\"}\n\
                        {\"sensor\":true,\"value\":-1e3,\"timestamp\":null}\n";
        for piece in [1, 3, 10, 1000] {
            assert_eq!(ndjson(text, piece).await.unwrap(), expected, "in pieces of {piece}");
        }
        assert_eq!(ndjson("", 1).await.unwrap(), "");
        assert_eq!(ndjson("a,b\n", 1).await.unwrap(), "\n");
    }

    #[tokio::test]
    async fn a_record_of_another_length_is_an_error() {
        assert!(matches!(ndjson("a,b\n1\n", 100).await, Err(BodyFault::Cut(fault)) if fault.contains("1 cells, and the header 2")));
    }
}
