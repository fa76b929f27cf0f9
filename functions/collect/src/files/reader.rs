//! Finds the values in a file. Every byte becomes part of a value, or of an unreadable record that
//! keeps the bytes unchanged.

use encoding_rs::{UTF_8, UTF_16BE, UTF_16LE};

use super::{
    FileReading,
    csv::{Row, Rows},
    records::{Records, Unreadable},
    text::Text,
};
use crate::{
    intake::Over,
    splitting::{Found, Framing, Splitter, VALUE_BYTES_MAX},
};

/// The first bytes of archive and compression formats that are not supported.
const PACKED: [(&[u8], &str); 8] = [
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"PK\x03\x04", "a zip archive"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\0", "xz"),
    (b"\x04\x22\x4d\x18", "lz4"),
    (b"\xff\x06\0\0sNaPpY", "snappy"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"\x1f\x9d", "compress"),
];

pub(super) struct FileReader<'r, 't> {
    records: Records<'r, 't>,
    text: Text,
    splitter: Splitter,
    /// Only for CSV.
    rows: Option<Rows<'r>>,
    /// A value that is too long, up to the current position.
    long: Option<Unreadable>,
    /// The rest of the file when the next value cannot be found any more.
    rest: Option<Unreadable>,
}

impl<'r, 't> FileReader<'r, 't> {
    /// Creates a reader from the first bytes of a file. Also returns the length of the byte order
    /// mark.
    pub(super) fn new(
        start: &[u8],
        framing: Framing,
        reading: &'r FileReading,
        records: Records<'r, 't>,
    ) -> (Self, usize) {
        let (text, mark) = Text::of(start, reading.encoding);
        let framing = match framing {
            Framing::Csv(by_name) => Framing::Csv(reading.delimiter.or(by_name)),
            other => other,
        };
        let rows = match framing {
            Framing::Csv(delimiter) => Some(Rows::new(delimiter, &reading.types)),
            _ => None,
        };
        let rest = no_text(start, &text).map(|reason| Unreadable::new(1, reason));
        // A binary file has no byte order mark.
        let mark = if rest.is_some() { 0 } else { mark };
        (Self { records, text, splitter: Splitter::new(framing), rows, long: None, rest }, mark)
    }

    /// Reads the next decompressed piece of the file. The last piece may be empty.
    pub(super) async fn piece(&mut self, piece: &[u8], is_end: bool) -> Result<(), Over> {
        let Self { records, text, splitter, rows, long, rest } = self;
        if let Some(rest) = rest {
            return rest.push(records, piece).await;
        }
        splitter.push(&text.decode(piece, is_end));
        let before = splitter.before();
        text.forget(before);
        let at = |begin: usize| before + u64::try_from(begin).unwrap_or(u64::MAX);
        let (buffer, scan) = splitter.parts();
        while let Some(found) =
            scan.next(buffer).or_else(|| if is_end { scan.end(buffer) } else { None })
        {
            // Without a valid header the other records have no meaning.
            let is_header = rows.as_ref().is_some_and(|rows| !rows.has_header());
            let (begin, end, line, fault) = match found {
                Found::Value(range, place) => {
                    let fault = match std::str::from_utf8(&buffer[range.clone()]) {
                        Ok(value) => match rows.as_mut().map(|rows| rows.read(value)) {
                            None => {
                                records.value(place.line, value).await?;
                                continue;
                            }
                            Some(Ok(Row::Object(object))) => {
                                records.value(place.line, &object).await?;
                                continue;
                            }
                            Some(Ok(Row::Header)) => continue,
                            Some(Err(fault)) => fault,
                        },
                        Err(_) => not_in(text),
                    };
                    (range.start, range.end, place.line, fault)
                }
                Found::Part(range, place) | Found::TooLong(range, place) if is_header => (
                    range.start,
                    range.end,
                    place.line,
                    format!("the header is longer than {VALUE_BYTES_MAX} bytes"),
                ),
                Found::Part(range, place) => {
                    let part = text.original(at(range.start), &buffer[range]);
                    long.get_or_insert_with(|| too_long(place.line)).push(records, &part).await?;
                    continue;
                }
                Found::TooLong(range, place) => {
                    let part = text.original(at(range.start), &buffer[range]);
                    let mut all = long.take().unwrap_or_else(|| too_long(place.line));
                    all.push(records, &part).await?;
                    all.end(records).await?;
                    continue;
                }
                Found::Broken { place, reason, begin } => {
                    if let Some(long) = long.take() {
                        long.end(records).await?;
                    }
                    rest.insert(Unreadable::new(place.line, reason))
                        .push(records, &text.rest(at(begin), &buffer[begin..]))
                        .await?;
                    return Ok(());
                }
            };
            if is_header {
                return rest
                    .insert(Unreadable::new(line, fault))
                    .push(records, &text.rest(at(begin), &buffer[begin..]))
                    .await;
            }
            let mut one = Unreadable::new(line, fault);
            one.push(records, &text.original(at(begin), &buffer[begin..end])).await?;
            one.end(records).await?;
        }
        Ok(())
    }

    /// Ends the reading because the rest cannot be decompressed. An incomplete value is sent as
    /// unreadable.
    pub(super) async fn cut(&mut self, reason: &str) -> Result<(), Over> {
        let (begin, line) = self.splitter.scan().unfinished();
        for open in [self.long.take(), self.rest.take()].into_iter().flatten() {
            open.end(&mut self.records).await?;
        }
        let at = self.splitter.before() + u64::try_from(begin).unwrap_or(u64::MAX);
        let (buffer, _) = self.splitter.parts();
        let tail = self.text.rest(at, &buffer[begin..]);
        if !tail.is_empty() {
            let mut cut = Unreadable::new(
                line,
                format!("{reason}; this is the data that was decompressed before"),
            );
            cut.push(&mut self.records, &tail).await?;
            cut.end(&mut self.records).await?;
        }
        self.rest = Some(Unreadable::new(line, reason.to_owned()));
        Ok(())
    }

    /// Ends the reading after the last piece.
    pub(super) async fn end(mut self) -> (Records<'r, 't>, Result<(), Over>) {
        let ended = match self.rest.take() {
            Some(rest) => rest.end(&mut self.records).await,
            None => Ok(()),
        };
        (self.records, ended)
    }

    pub(super) fn into_records(self) -> Records<'r, 't> {
        self.records
    }
}

fn too_long(line: u64) -> Unreadable {
    Unreadable::new(line, format!("the value is longer than {VALUE_BYTES_MAX} bytes"))
}

fn not_in(text: &Text) -> String {
    format!(
        "the value is not {}: give the encoding of the file (--encoding, ENCODING)",
        text.encoding().name()
    )
}

/// Returns the reason if the first bytes of a file show that it is not text.
fn no_text(start: &[u8], text: &Text) -> Option<String> {
    if let Some((_, packed)) = PACKED.iter().find(|(begin, _)| start.starts_with(begin)) {
        return Some(format!(
            "the file is {packed}: decompress it first, because only gzip is supported"
        ));
    }
    let has_zeros = [UTF_16LE, UTF_16BE].contains(&text.encoding());
    let says_utf_8 = start.starts_with("\u{feff}".as_bytes()) && text.encoding() == UTF_8;
    (!has_zeros && !says_utf_8 && start.contains(&0)).then(|| {
        "the file is not text; if it is UTF-16, give the encoding (--encoding, ENCODING)".to_owned()
    })
}
