//! Splits CSV (RFC 4180) into records. It only interprets quotes, delimiters and line breaks;
//! `files` interprets the cells.
//!
//! CSV libraries accept input that RFC 4180 forbids, and therefore do not report a truncated file.

use super::{Cursor, Found, ValuePlace};

/// The supported delimiters, the most usual first.
const DELIMITERS: &[u8] = b",;\t|";

/// Returns the delimiter of this header: the most frequent one outside of quotes.
pub(crate) fn delimiter_of(header: &[u8]) -> u8 {
    let mut counts = [0_usize; DELIMITERS.len()];
    let mut is_quoted = false;
    for byte in header {
        is_quoted ^= *byte == b'"';
        if let Some(n) =
            DELIMITERS.iter().position(|delimiter| delimiter == byte).filter(|_| !is_quoted)
        {
            counts[n] += 1;
        }
    }
    // On a tie the first delimiter wins.
    let most = (0..counts.len()).rev().max_by_key(|n| counts[*n]);
    most.map_or(b',', |n| DELIMITERS[n])
}

pub(super) struct Csv {
    /// `None` means any supported delimiter.
    delimiter: Option<u8>,
    state: State,
    /// No byte of the next record was read.
    is_fresh: bool,
    /// The line on which the record begins. `quote_line` is the line of its last opening quote.
    line: u64,
    quote_line: u64,
    /// The previous byte was a carriage return. A line feed after it does not begin another line.
    was_return: bool,
    /// The record is already too long: only its end matters.
    is_skipping: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    CellStart,
    Bare,
    Quoted,
    /// After a quote in a quoted cell. It closes the cell or is the first of two quotes.
    Closing,
}

impl Csv {
    pub(super) fn new(delimiter: Option<u8>) -> Self {
        let (state, line) = (State::CellStart, 1);
        Self {
            delimiter,
            state,
            is_fresh: true,
            line,
            quote_line: 1,
            was_return: false,
            is_skipping: false,
        }
    }

    pub(super) fn next(&mut self, buffer: &[u8], at: &mut Cursor) -> Option<Found> {
        while let Some(&byte) = buffer.get(at.next) {
            at.next += 1;
            if std::mem::take(&mut self.is_fresh) {
                self.line = at.line;
            }
            let is_break = matches!(byte, b'\n' | b'\r');
            if is_break && !(byte == b'\n' && self.was_return) {
                at.line += 1;
            }
            self.was_return = byte == b'\r';
            self.state = match (self.state, byte) {
                (State::Quoted, b'"') => State::Closing,
                (State::Quoted, _) => {
                    if !is_break {
                        // Most bytes are plain text: skip them at once.
                        let rest = &buffer[at.next..];
                        at.next += memchr::memchr3(b'"', b'\n', b'\r', rest).unwrap_or(rest.len());
                    }
                    State::Quoted
                }
                (_, b'\n' | b'\r') => {
                    let found = self.record(buffer, at.next - 1, at);
                    at.drop_seen();
                    if found.is_some() {
                        return found;
                    }
                    State::CellStart
                }
                (State::Closing, b'"') => State::Quoted,
                (State::CellStart, b'"') => {
                    // If the cell contains a line break, its line is counted when it is read.
                    self.quote_line = at.line;
                    State::Quoted
                }
                (_, byte) if self.is_delimiter(byte) => State::CellStart,
                // Text after a closing quote makes the cell invalid, up to the cell's end.
                _ => State::Bare,
            };
        }
        if at.next - at.begin > at.bytes_max {
            self.is_skipping = true;
        }
        if self.is_skipping { at.part(self.line) } else { None }
    }

    pub(super) fn end(&mut self, buffer: &[u8], at: &mut Cursor) -> Option<Found> {
        let found = if self.state == State::Quoted {
            let reason = format!("the quote that opens on line {} is not closed", self.quote_line);
            let place = ValuePlace { number: at.found + 1, line: self.line };
            self.is_skipping = false;
            Some(Found::Broken { place, reason, begin: at.begin })
        } else {
            self.record(buffer, buffer.len(), at)
        };
        at.next = buffer.len();
        at.drop_seen();
        self.state = State::CellStart;
        found
    }

    /// Returns the line on which the incomplete record begins.
    pub(super) fn line(&self, at: &Cursor) -> u64 {
        if self.is_fresh { at.line } else { self.line }
    }

    fn is_delimiter(&self, byte: u8) -> bool {
        self.delimiter.map_or_else(|| DELIMITERS.contains(&byte), |delimiter| byte == delimiter)
    }

    /// Returns the record that ends here, or `None` for an empty line.
    fn record(&mut self, buffer: &[u8], end: usize, at: &mut Cursor) -> Option<Found> {
        (self.state, self.is_fresh) = (State::CellStart, true);
        let range = at.begin..end;
        if std::mem::take(&mut self.is_skipping) || range.len() > at.bytes_max {
            return Some(Found::TooLong(range, at.place(self.line)));
        }
        if range.is_empty() {
            return None;
        }
        self.delimiter.get_or_insert_with(|| delimiter_of(&buffer[range.clone()]));
        Some(Found::Value(range, at.place(self.line)))
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Framing, tests::found},
        *,
    };

    #[track_caller]
    fn assert_found(text: &str, expected: &[&str]) {
        for piece in [1, 2, 3, 7, 1000] {
            assert_eq!(
                found(Framing::Csv(None), text, piece, 40),
                expected,
                "in pieces of {piece}"
            );
        }
    }

    #[test]
    fn a_record_ends_with_its_line_unless_a_quote_is_open() {
        assert_found("", &[]);
        assert_found("\n\r\n\r", &[]);
        assert_found("a,b\n1,2", &["1.1 a,b", "2.2 1,2"]);
        assert_found("a,b\r\n\r\n1,2\r\n", &["1.1 a,b", "3.2 1,2"]);
        assert_found("a,b\r1,2\r\r3,4", &["1.1 a,b", "2.2 1,2", "4.3 3,4"]);
        assert_found("a\n\"x\r\ny\n\"\"z\"\n1", &["1.1 a", "2.2 \"x\r\ny\n\"\"z\"", "5.3 1"]);
        // A quote inside an unquoted cell opens nothing, also after a character that is not the
        // delimiter.
        assert_found("a\nx\"y\n1", &["1.1 a", "2.2 x\"y", "3.3 1"]);
        assert_found("a;b\nx,\"y;1\n2;3", &["1.1 a;b", "2.2 x,\"y;1", "3.3 2;3"]);
        assert_found("a\n\"x\"y\n1", &["1.1 a", "2.2 \"x\"y", "3.3 1"]);
    }

    #[test]
    fn what_is_not_closed_is_named_where_it_opens() {
        assert_found(
            "a,b\n\n1,2\n\"3\n\",\"4\n5,6\n",
            &["1.1 a,b", "3.2 1,2", "4.3 the quote that opens on line 5 is not closed"],
        );
        assert_found("a\n\"", &["1.1 a", "2.2 the quote that opens on line 2 is not closed"]);
    }

    #[test]
    fn what_is_too_long_is_skipped_and_its_neighbours_are_not() {
        assert_found(&format!("a\n{}\n1\n", "x".repeat(100)), &["1.1 a", "2.2 too long", "3.3 1"]);
        assert_found(
            &format!("a\n\"{}\"\n1\n", "x\n".repeat(100)),
            &["1.1 a", "2.2 too long", "103.3 1"],
        );
    }

    #[test]
    fn the_header_shows_the_delimiter() {
        for (header, delimiter) in [
            ("a", b','),
            ("a,b", b','),
            ("a;b", b';'),
            ("a\tb", b'\t'),
            ("a|b", b'|'),
            ("a;\"b,c,d\";e", b';'),
            ("a;b,c", b','),
        ] {
            assert_eq!(delimiter_of(header.as_bytes()), delimiter, "{header}");
        }
    }
}
