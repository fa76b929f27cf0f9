//! Splits a body into JSON objects. It only interprets brackets and strings; the model checks the
//! JSON.

use super::{Cursor, Found};

pub(super) struct Objects {
    state: State,
    /// The line on which the current object begins.
    line: u64,
    /// The nesting depth in the current object.
    depth: u64,
    /// The object is already too long: only its end matters.
    is_skipping: bool,
    array: Array,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// In the byte order mark, which Windows editors write at the start. The number is the bytes
    /// seen.
    Start(usize),
    Between,
    Inside,
    Text,
    Escape,
}

/// The state of an array around all objects.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Array {
    /// An array is not allowed.
    No,
    /// An array is allowed.
    May,
    /// The array is open.
    Open,
    /// The array was closed. Nothing may follow.
    Closed,
}

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

impl Objects {
    pub(super) fn new(may_be_array: bool) -> Self {
        let array = if may_be_array { Array::May } else { Array::No };
        Self { state: State::Start(0), line: 0, depth: 0, is_skipping: false, array }
    }

    pub(super) fn next(&mut self, buffer: &[u8], at: &mut Cursor) -> Option<Found> {
        while let Some(&byte) = buffer.get(at.next) {
            at.next += 1;
            if byte == b'\n' {
                at.line += 1;
            }
            match self.state {
                State::Inside => match byte {
                    b'"' => self.state = State::Text,
                    b'{' | b'[' => self.depth += 1,
                    b'}' | b']' => {
                        self.depth -= 1;
                        if self.depth == 0 {
                            return Some(self.whole(byte, at));
                        }
                    }
                    _ => {}
                },
                State::Text => self.text(byte, buffer, at),
                State::Escape => self.state = State::Text,
                State::Between => {
                    if let Some(broken) = self.between(byte, buffer, at) {
                        return Some(broken);
                    }
                }
                State::Start(seen) => {
                    if BYTE_ORDER_MARK.get(seen) == Some(&byte) {
                        self.state = if seen + 1 == BYTE_ORDER_MARK.len() {
                            State::Between
                        } else {
                            State::Start(seen + 1)
                        };
                    } else {
                        self.state = State::Between;
                        if let Some(broken) = self.between(byte, buffer, at) {
                            return Some(broken);
                        }
                    }
                }
            }
        }
        let is_between = matches!(self.state, State::Between | State::Start(_));
        if !is_between && at.next - at.begin > at.bytes_max {
            self.is_skipping = true;
        }
        if self.is_skipping {
            return at.part(self.line);
        }
        if is_between {
            at.drop_seen();
        }
        None
    }

    pub(super) fn end(&mut self, buffer: &[u8], at: &mut Cursor) -> Option<Found> {
        let end = buffer.len();
        match (self.state, self.array) {
            (State::Between | State::Start(0), Array::Open) => {
                Some(broken(at, at.line, "the body ends inside an array", end))
            }
            (State::Between | State::Start(0), _) => None,
            (State::Start(_), _) => {
                Some(broken(at, 1, "the body ends inside its first character", at.begin))
            }
            _ => Some(broken(at, self.line, "the body ends inside an object", at.begin)),
        }
    }

    /// Returns the line on which the incomplete object begins.
    pub(super) fn line(&self, at: &Cursor) -> u64 {
        if matches!(self.state, State::Between | State::Start(_)) { at.line } else { self.line }
    }

    /// Skips to the end of a string at once, because most of an object is text.
    fn text(&mut self, byte: u8, buffer: &[u8], at: &mut Cursor) {
        match byte {
            b'"' => self.state = State::Inside,
            b'\\' => self.state = State::Escape,
            // A JSON string cannot contain a line break, but the lines are counted.
            _ => {
                let rest = &buffer[at.next..];
                at.next += memchr::memchr3(b'"', b'\\', b'\n', rest).unwrap_or(rest.len());
            }
        }
    }

    fn whole(&mut self, last: u8, at: &mut Cursor) -> Found {
        self.state = State::Between;
        let (begin, place) = (at.begin, at.place(self.line));
        at.drop_seen();
        if std::mem::take(&mut self.is_skipping) || at.next - begin > at.bytes_max {
            return Found::TooLong(begin..at.next, place);
        }
        if last != b'}' {
            return Found::Broken {
                place,
                reason: "an object must end with }, but it ends with ]".to_owned(),
                begin,
            };
        }
        Found::Value(begin..at.next, place)
    }

    fn between(&mut self, byte: u8, buffer: &[u8], at: &mut Cursor) -> Option<Found> {
        match (byte, self.array) {
            (b'{', Array::No | Array::May | Array::Open) => {
                if self.array == Array::May {
                    self.array = Array::No;
                }
                at.begin = at.next - 1;
                (self.state, self.line, self.depth) = (State::Inside, at.line, 1);
            }
            (b'[', Array::May) => self.array = Array::Open,
            // The commas between objects are not checked: only the objects count.
            (b' ' | b'\t' | b'\r' | b'\n', _) | (b',', Array::Open) => {}
            (b']', Array::Open) => self.array = Array::Closed,
            _ => {
                let shown =
                    String::from_utf8_lossy(&buffer[at.next - 1..buffer.len().min(at.next + 19)]);
                let shown: String = shown.chars().take_while(|c| *c != '\n').take(1).collect();
                return Some(broken(
                    at,
                    at.line,
                    &format!("an object must begin with {{, but the next character is {shown:?}"),
                    at.next - 1,
                ));
            }
        }
        None
    }
}

fn broken(at: &mut Cursor, line: u64, fault: &str, begin: usize) -> Found {
    let place = at.place(line);
    Found::Broken { place, reason: fault.to_owned(), begin }
}
