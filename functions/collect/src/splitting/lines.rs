//! Splits a body into lines, with one value each.

use super::{Cursor, Found};

#[derive(Default)]
pub(super) struct Lines {
    /// The line is already too long: only its end matters.
    is_skipping: bool,
}

impl Lines {
    pub(super) fn next(&mut self, buffer: &[u8], at: &mut Cursor) -> Option<Found> {
        loop {
            let Some(end) = memchr::memchr(b'\n', &buffer[at.next..]).map(|found| at.next + found)
            else {
                at.next = buffer.len();
                if at.next - at.begin > at.bytes_max {
                    self.is_skipping = true;
                }
                return if self.is_skipping { at.part(at.line) } else { None };
            };
            let found = self.line(buffer, end, at);
            at.next = end + 1;
            at.drop_seen();
            at.line += 1;
            if found.is_some() {
                return found;
            }
        }
    }

    pub(super) fn end(&mut self, buffer: &[u8], at: &mut Cursor) -> Option<Found> {
        let found = self.line(buffer, buffer.len(), at);
        at.next = buffer.len();
        at.drop_seen();
        found
    }

    fn line(&mut self, buffer: &[u8], end: usize, at: &mut Cursor) -> Option<Found> {
        let line = at.line;
        if std::mem::take(&mut self.is_skipping) || end - at.begin > at.bytes_max {
            return Some(Found::TooLong(at.begin..end, at.place(line)));
        }
        let text = &buffer[at.begin..end];
        let text =
            if line == 1 { text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text) } else { text };
        let (begin, text) = (end - text.trim_ascii_start().len(), text.trim_ascii());
        (!text.is_empty()).then(|| Found::Value(begin..begin + text.len(), at.place(line)))
    }
}
