//! Reads the event of Lambda's poller. It needs one pass and a fifth of the time that serde needs.
//!
//! Lambda sends every event in the same plain spelling: no escapes, whole numbers, known members,
//! each once. This reader accepts only that spelling. At the first different byte it returns
//! `None`, and [`read`](super::read), which accepts every spelling, starts from the beginning. So
//! only [`read`](super::read) has the lenient rules and the error messages.

#![expect(clippy::option_option, reason = "none: spelt in another way; some none: null")]

use std::borrow::Cow;

use memchr::memchr2;

use super::{HeaderJson, NO_TIMESTAMP, Number, RecordJson, SchemaJson, Text};

/// Passes each record to `each`. Returns `eventSource`.
///
/// Returns `None` when the event has another spelling or `each` returns `false`. The records passed
/// until then are void.
pub(crate) fn read<'a>(
    text: &'a str,
    each: &mut dyn FnMut(RecordJson<'a>) -> bool,
) -> Option<Option<Text<'a>>> {
    let mut json = Plain { text, at: 0 };
    let (mut source, mut records) = (None, false);
    json.object(|json, name| match name {
        "eventSource" if source.is_none() => {
            source = Some(json.text()?);
            Some(())
        }
        "records" if !records => {
            records = true;
            json.object(|json, _topic_partition| {
                json.array(|json| json.record().and_then(|record| each(record).then_some(())))
            })
        }
        "eventSourceArn" | "bootstrapServers" => json.text().map(|_| ()),
        _ => None,
    })?;
    json.blanks();
    (records && json.at == text.len()).then_some(source)
}

/// A position in the text. Each method reads one item, or returns `None` when the next item is
/// different.
struct Plain<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Plain<'a> {
    fn rest(&self) -> &'a [u8] {
        &self.text.as_bytes()[self.at..]
    }

    fn blanks(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.rest().first() {
            self.at += 1;
        }
    }

    /// Skips blanks and this byte. Returns whether the byte was there.
    fn take(&mut self, byte: u8) -> bool {
        self.blanks();
        let there = self.rest().first() == Some(&byte);
        self.at += usize::from(there);
        there
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        self.take(byte).then_some(())
    }

    fn null(&mut self) -> bool {
        self.blanks();
        let there = self.rest().starts_with(b"null");
        self.at += if there { 4 } else { 0 };
        there
    }

    /// Reads a string without an escape.
    ///
    /// It accepts a raw control character, which JSON forbids. [`word`](Self::word) checks for one,
    /// and base64 cannot contain one.
    fn string(&mut self) -> Option<&'a str> {
        self.expect(b'"')?;
        let end = self.at + memchr2(b'"', b'\\', self.rest())?;
        let string = self.text.get(self.at..end)?;
        self.at = end + 1;
        (self.text.as_bytes()[end] == b'"').then_some(string)
    }

    fn word(&mut self) -> Option<&'a str> {
        self.string().filter(|s| s.bytes().all(|b| b >= b' '))
    }

    fn text(&mut self) -> Option<Text<'a>> {
        self.word().map(|s| Text(Cow::Borrowed(s)))
    }

    fn base64(&mut self) -> Option<Option<Text<'a>>> {
        if self.null() { Some(None) } else { self.string().map(|s| Some(Text(Cow::Borrowed(s)))) }
    }

    /// Reads a whole number. A fraction or an exponent stays unread, so the next step fails.
    fn number(&mut self) -> Option<i64> {
        let negative = self.take(b'-');
        let digits = self.rest();
        let (mut number, mut length) = (0_i64, 0);
        while let Some(digit @ b'0'..=b'9') = digits.get(length) {
            // The lowest number of all has no positive counterpart, so it is not plain.
            number = number.checked_mul(10)?.checked_add(i64::from(digit - b'0'))?;
            length += 1;
        }
        self.at += length;
        let plain = length == 1 || (length > 1 && digits[0] != b'0');
        // serde reads `-0` as a float.
        (plain && !(negative && number == 0)).then_some(if negative { -number } else { number })
    }

    fn object(&mut self, mut member: impl FnMut(&mut Self, &'a str) -> Option<()>) -> Option<()> {
        self.expect(b'{')?;
        if self.take(b'}') {
            return Some(());
        }
        loop {
            let name = self.word()?;
            self.expect(b':')?;
            member(self, name)?;
            if !self.take(b',') {
                return self.expect(b'}');
            }
        }
    }

    fn array(&mut self, mut element: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.expect(b'[')?;
        if self.take(b']') {
            return Some(());
        }
        loop {
            element(self)?;
            if !self.take(b',') {
                return self.expect(b']');
            }
        }
    }

    fn record(&mut self) -> Option<RecordJson<'a>> {
        let (mut topic, mut partition, mut offset, mut timestamp) = (None, None, None, None);
        let (mut key, mut value, mut headers, mut schema) = (None, None, None, None);
        self.object(|json, name| {
            // A member that occurs twice is not plain.
            match name {
                "topic" => set(&mut topic, json.text()?),
                "partition" => set(&mut partition, json.number()?),
                "offset" => set(&mut offset, json.number()?),
                "timestamp" => set(&mut timestamp, json.number()?),
                "timestampType" => json.word().map(|_| ()),
                "key" => set(&mut key, json.base64()?),
                "value" => set(&mut value, json.base64()?),
                "headers" => set(&mut headers, json.headers()?),
                "valueSchemaMetadata" => set(&mut schema, json.schema()?),
                _ => None,
            }
        })?;
        Some(RecordJson {
            topic: topic?,
            partition: Number(partition?),
            offset: Number(offset?),
            timestamp: timestamp.map_or(NO_TIMESTAMP, Number),
            key: key.flatten(),
            value: value.flatten(),
            headers: headers.unwrap_or_default(),
            schema: schema.flatten(),
        })
    }

    fn headers(&mut self) -> Option<Vec<HeaderJson<'a>>> {
        let mut headers = Vec::new();
        if self.null() {
            return Some(headers);
        }
        self.array(|json| {
            let before = headers.len();
            json.object(|json, name| {
                let value = if json.null() { None } else { Some(json.signed_bytes()?) };
                headers.push(HeaderJson { name: Some(Cow::Borrowed(name)), value });
                Some(())
            })?;
            if headers.len() == before {
                headers.push(HeaderJson { name: None, value: None });
            }
            Some(())
        })?;
        Some(headers)
    }

    fn signed_bytes(&mut self) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        self.array(|json| {
            bytes.push(i8::try_from(json.number()?).ok()?.cast_unsigned());
            Some(())
        })?;
        Some(bytes)
    }

    fn schema(&mut self) -> Option<Option<SchemaJson<'a>>> {
        if self.null() {
            return Some(None);
        }
        let (mut format, mut id) = (None, None);
        self.object(|json, name| match name {
            "dataFormat" => set(&mut format, json.text()?),
            "schemaId" => set(&mut id, json.text()?),
            _ => None,
        })?;
        Some(Some(SchemaJson { format, id }))
    }
}

/// Sets an empty place. Returns `None` when the place was already set.
fn set<T>(place: &mut Option<T>, value: T) -> Option<()> {
    place.replace(value).is_none().then_some(())
}
