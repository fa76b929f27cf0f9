//! What is written to Kafka.

use std::borrow::Cow;

/// A header: Kafka allows a name more than once, and a value of null.
pub type OutgoingHeader<'a> = (Cow<'a, str>, Option<Cow<'a, [u8]>>);

/// One record for Kafka, borrowed from its source.
#[derive(Debug, Clone, Copy, Default)]
pub struct Message<'a> {
    /// The topic's name.
    pub topic: &'a str,
    /// The partition; `None` lets the key (or chance) choose.
    pub partition: Option<i32>,
    /// The key's bytes, if it has one.
    pub key: Option<&'a [u8]>,
    /// The value's bytes; `None` is a tombstone.
    pub value: Option<&'a [u8]>,
    /// Headers in order.
    pub headers: &'a [OutgoingHeader<'a>],
    /// Milliseconds since 1970; `None` takes the clock of the client, and so does 0: librdkafka
    /// cannot send it.
    pub timestamp_ms: Option<i64>,
}

/// What a record takes in addition to its key, value and headers, in our queue and in a broker.
const FRAME_BYTES: usize = 200;

/// What a record takes in the queue and in a broker, bytes. The only calculation: who waits for
/// room, who asks for it and who gives it back must come to the same number.
pub(crate) fn record_bytes<'h>(
    key: Option<&[u8]>,
    value: Option<&[u8]>,
    headers: impl Iterator<Item = (&'h str, Option<&'h [u8]>)>,
) -> usize {
    let length = |bytes: Option<&[u8]>| bytes.map_or(0, <[u8]>::len);
    FRAME_BYTES
        + length(key)
        + length(value)
        + headers.map(|(name, value)| name.len() + length(value)).sum::<usize>()
}

impl Message<'_> {
    /// What it takes, bytes.
    pub(crate) fn record_bytes(&self) -> usize {
        record_bytes(
            self.key,
            self.value,
            self.headers.iter().map(|(name, value)| (&**name, value.as_deref())),
        )
    }
}

/// A record that owns its bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OutgoingRecord {
    /// The topic's name.
    pub topic: String,
    /// The partition; `None` lets the key (or chance) choose.
    pub partition: Option<i32>,
    /// The key's bytes, if it has one.
    pub key: Option<Vec<u8>>,
    /// The value's bytes; `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    /// Headers in order; a value may be null.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    /// Milliseconds since 1970; `None` takes the clock of the client, and so does 0: librdkafka
    /// cannot send it.
    pub timestamp_ms: Option<i64>,
}

impl OutgoingRecord {
    /// Its headers, borrowed for a [`Message`].
    pub(crate) fn borrowed_headers(&self) -> Vec<OutgoingHeader<'_>> {
        self.headers
            .iter()
            .map(|(name, value)| (name.as_str().into(), value.as_deref().map(Cow::Borrowed)))
            .collect()
    }
}
