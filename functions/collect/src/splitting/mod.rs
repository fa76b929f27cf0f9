//! Finds the values in a body that comes in pieces of any length, in bounded memory.

mod csv;
mod lines;
mod objects;

use std::ops::Range;

pub(crate) use csv::delimiter_of;

/// The longest value in bytes. Base64 adds a third, and Lambda passes 6 MB: a longer value could
/// not be ingested.
pub const VALUE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// How the values of a body are separated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// JSON objects one after another, with or without line breaks between and inside them.
    Objects,
    /// JSON objects one after another, or all of them in one JSON array.
    ObjectsOrArray,
    /// One value per line (<https://github.com/ndjson/ndjson-spec>). Empty lines are ignored.
    Lines,
    /// Records of CSV (RFC 4180), unchanged and including the header. The argument is the
    /// delimiter; `None` detects it from the header.
    Csv(Option<u8>),
}

/// The position of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ValuePlace {
    /// The line on which the value begins, from 1.
    pub line: u64,
    /// The number of the value among all values, from 1.
    pub number: u64,
}

/// A result of the search.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// A value, as a range of the buffer.
    Value(Range<usize>, ValuePlace),
    /// A part of a value that is too long.
    Part(Range<usize>, ValuePlace),
    /// The end of a value that is too long. Its earlier parts were returned before.
    TooLong(Range<usize>, ValuePlace),
    /// After this position the values cannot be separated any more.
    Broken {
        /// The position for messages.
        place: ValuePlace,
        /// The reason as text.
        reason: String,
        /// The position in the buffer.
        begin: usize,
    },
}

/// Collects pieces and finds the values in them.
pub struct Splitter {
    buffer: Vec<u8>,
    /// The number of bytes that came before the buffer.
    before: u64,
    scan: Scan,
}

/// The state of the search.
pub struct Scan {
    kind: Kind,
    at: Cursor,
}

enum Kind {
    Objects(objects::Objects),
    Lines(lines::Lines),
    Csv(csv::Csv),
}

/// The state that all kinds of search share.
struct Cursor {
    /// The next byte to look at.
    next: usize,
    /// The start of the current value. The bytes before it are processed.
    begin: usize,
    /// The line of the next byte.
    line: u64,
    /// Values found so far.
    found: u64,
    /// The longest accepted value in bytes.
    bytes_max: usize,
}

impl Splitter {
    /// Creates an empty splitter for values of at most [`VALUE_BYTES_MAX`].
    pub fn new(framing: Framing) -> Self {
        Self::with_bytes_max(framing, VALUE_BYTES_MAX)
    }

    fn with_bytes_max(framing: Framing, bytes_max: usize) -> Self {
        let kind = match framing {
            Framing::Objects => Kind::Objects(objects::Objects::new(false)),
            Framing::ObjectsOrArray => Kind::Objects(objects::Objects::new(true)),
            Framing::Lines => Kind::Lines(lines::Lines::default()),
            Framing::Csv(delimiter) => Kind::Csv(csv::Csv::new(delimiter)),
        };
        Self {
            buffer: Vec::new(),
            before: 0,
            scan: Scan { kind, at: Cursor { next: 0, begin: 0, line: 1, found: 0, bytes_max } },
        }
    }

    /// Adds the next piece, and drops the bytes that were processed.
    pub fn push(&mut self, piece: &[u8]) {
        let done = self.scan.at.begin;
        self.buffer.drain(..done);
        self.before += u64::try_from(done).unwrap_or(u64::MAX);
        self.scan.at.begin = 0;
        self.scan.at.next -= done;
        self.buffer.extend_from_slice(piece);
    }

    /// Returns the state of the search.
    pub(crate) fn scan(&self) -> &Scan {
        &self.scan
    }

    /// Returns the number of bytes that came before the buffer.
    pub(crate) fn before(&self) -> u64 {
        self.before
    }

    /// Returns the buffer, and the search for values in it.
    pub fn parts(&mut self) -> (&[u8], &mut Scan) {
        (&self.buffer, &mut self.scan)
    }
}

impl Scan {
    /// Returns the next complete value, or `None` when more bytes are needed.
    pub fn next(&mut self, buffer: &[u8]) -> Option<Found> {
        match &mut self.kind {
            Kind::Objects(objects) => objects.next(buffer, &mut self.at),
            Kind::Lines(lines) => lines.next(buffer, &mut self.at),
            Kind::Csv(csv) => csv.next(buffer, &mut self.at),
        }
    }

    /// Returns the start of the incomplete value in the buffer, and its line.
    pub(crate) fn unfinished(&self) -> (usize, u64) {
        let line = match &self.kind {
            Kind::Objects(objects) => objects.line(&self.at),
            Kind::Lines(_) => self.at.line,
            Kind::Csv(csv) => csv.line(&self.at),
        };
        (self.at.begin, line)
    }

    /// Returns the remaining value after the last piece.
    pub fn end(&mut self, buffer: &[u8]) -> Option<Found> {
        match &mut self.kind {
            Kind::Objects(objects) => objects.end(buffer, &mut self.at),
            Kind::Lines(lines) => lines.end(buffer, &mut self.at),
            Kind::Csv(csv) => csv.end(buffer, &mut self.at),
        }
    }
}

impl Cursor {
    fn place(&mut self, line: u64) -> ValuePlace {
        self.found += 1;
        ValuePlace { line, number: self.found }
    }

    /// Returns the bytes of a value that is too long, unless there are none.
    fn part(&mut self, line: u64) -> Option<Found> {
        let part = self.begin..self.next;
        self.drop_seen();
        (!part.is_empty()).then(|| Found::Part(part, ValuePlace { line, number: self.found + 1 }))
    }

    /// Marks everything before the next byte as processed.
    fn drop_seen(&mut self) {
        self.begin = self.next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns everything that is found, as text, when the text comes in pieces of this length.
    pub(super) fn found(
        framing: Framing,
        text: &str,
        piece: usize,
        bytes_max: usize,
    ) -> Vec<String> {
        let mut splitter = Splitter::with_bytes_max(framing, bytes_max);
        let mut all = Vec::new();
        // All bytes of values that are too long, and after a broken position: no byte may be
        // missing.
        let mut long = Vec::new();
        let mut show = |found: Found, buffer: &[u8]| match found {
            Found::Value(range, at) => Some(format!(
                "{}.{} {}",
                at.line,
                at.number,
                String::from_utf8_lossy(&buffer[range])
            )),
            Found::Part(range, _) => {
                long.extend_from_slice(&buffer[range]);
                None
            }
            Found::TooLong(range, at) => {
                long.extend_from_slice(&buffer[range]);
                let whole = String::from_utf8(std::mem::take(&mut long)).unwrap();
                assert!(whole.len() > bytes_max && text.contains(whole.trim()), "{whole}");
                Some(format!("{}.{} too long", at.line, at.number))
            }
            Found::Broken { place, reason, begin } => {
                assert!(text.contains(std::str::from_utf8(&buffer[begin..]).unwrap()));
                Some(format!("{}.{} {reason}", place.line, place.number))
            }
        };
        for piece in text.as_bytes().chunks(piece) {
            splitter.push(piece);
            let (buffer, scan) = splitter.parts();
            while let Some(one) = scan.next(buffer) {
                let broken = matches!(one, Found::Broken { .. });
                all.extend(show(one, buffer));
                if broken {
                    return all;
                }
            }
            assert!(
                splitter.buffer.len() <= bytes_max + 2 * piece.len() + 1,
                "{}",
                splitter.buffer.len()
            );
        }
        let (buffer, scan) = splitter.parts();
        all.extend(scan.end(buffer).and_then(|one| show(one, buffer)));
        all
    }

    #[track_caller]
    fn assert_found(framing: Framing, text: &str, expected: &[&str]) {
        for piece in [1, 2, 3, 7, 1000] {
            assert_eq!(found(framing, text, piece, 40), expected, "in pieces of {piece}");
        }
    }

    #[test]
    fn objects_with_or_without_line_breaks() {
        assert_found(Framing::Objects, "", &[]);
        assert_found(Framing::Objects, " \r\n\t\n", &[]);
        assert_found(
            Framing::Objects,
            r#"{"a":1}{"b":2} {}"#,
            &[r#"1.1 {"a":1}"#, r#"1.2 {"b":2}"#, "1.3 {}"],
        );
        assert_found(
            Framing::Objects,
            "\u{feff}{\n\"a\":\n1}\n\n{}\r\n",
            &["1.1 {\n\"a\":\n1}", "5.2 {}"],
        );
        assert_found(
            Framing::Objects,
            r#"{"}":"{\"","[":["]\\",{}]}{"x":"\\"}"#,
            &[r#"1.1 {"}":"{\"","[":["]\\",{}]}"#, r#"1.2 {"x":"\\"}"#],
        );
    }

    #[test]
    fn a_value_that_is_not_an_object_ends_the_body() {
        assert_found(
            Framing::Objects,
            "{}\n7\n{}",
            &["1.1 {}", "2.2 an object must begin with {, but the next character is \"7\""],
        );
        assert_found(
            Framing::Objects,
            "{},{}",
            &["1.1 {}", "1.2 an object must begin with {, but the next character is \",\""],
        );
        assert_found(
            Framing::Objects,
            "{}\n{\"a\":",
            &["1.1 {}", "2.2 the body ends inside an object"],
        );
        assert_found(Framing::Objects, "{\"a}\n{}\n", &["1.1 the body ends inside an object"]);
        assert_found(
            Framing::Objects,
            "[{}]",
            &["1.1 an object must begin with {, but the next character is \"[\""],
        );
        assert_found(
            Framing::Objects,
            "{]}",
            &["1.1 an object must end with }, but it ends with ]"],
        );
    }

    #[test]
    fn an_array_of_objects_is_opened_where_it_may_be() {
        assert_found(
            Framing::ObjectsOrArray,
            " [{},\n{\"a\":[1]} ]\n",
            &["1.1 {}", "2.2 {\"a\":[1]}"],
        );
        assert_found(Framing::ObjectsOrArray, "{}\n{}", &["1.1 {}", "2.2 {}"]);
        assert_found(Framing::ObjectsOrArray, "[]", &[]);
        assert_found(
            Framing::ObjectsOrArray,
            "[{}",
            &["1.1 {}", "1.2 the body ends inside an array"],
        );
        assert_found(
            Framing::ObjectsOrArray,
            "{}[",
            &["1.1 {}", "1.2 an object must begin with {, but the next character is \"[\""],
        );
    }

    #[test]
    fn what_is_too_long_is_skipped_and_its_neighbours_are_not() {
        let long = format!("{{}}\n{{\"a\":\"{}\"}}\n{{\"b\":1}}", "x}\\\"".repeat(30));
        assert_found(Framing::Objects, &long, &["1.1 {}", "2.2 too long", "3.3 {\"b\":1}"]);
        let digits = format!("{{}}\n{{\"a\":{}}}\n{{\"b\":1}}\n", "9".repeat(300));
        assert_found(Framing::Objects, &digits, &["1.1 {}", "2.2 too long", "3.3 {\"b\":1}"]);
        assert_found(Framing::Lines, &digits, &["1.1 {}", "2.2 too long", "3.3 {\"b\":1}"]);
        assert_found(Framing::Lines, &"9".repeat(300), &["1.1 too long"]);
    }

    #[test]
    fn a_line_can_have_any_value() {
        assert_found(
            Framing::Lines,
            "\u{feff}7\n\r\n  [1,2] \n{\"a\":1}{\r\nx",
            &["1.1 7", "3.2 [1,2]", "4.3 {\"a\":1}{", "5.4 x"],
        );
        assert_found(Framing::Lines, "", &[]);
    }
}
