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
    /// Milliseconds since 1970; `None` takes the clock of the client, and so does 0: librdkafka cannot send it.
    pub timestamp_ms: Option<i64>,
}

/// What a record takes in addition to its key and value, in our queue and in a broker: headers are few and short.
const FRAME_BYTES: usize = 200;

/// What a record with this key and value takes in the queue, bytes.
pub(crate) fn record_bytes(key: Option<&[u8]>, value: Option<&[u8]>) -> usize {
    FRAME_BYTES + key.map_or(0, <[u8]>::len) + value.map_or(0, <[u8]>::len)
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
    /// Milliseconds since 1970; `None` takes the clock of the client, and so does 0: librdkafka cannot send it.
    pub timestamp_ms: Option<i64>,
}

impl OutgoingRecord {
    /// Its headers, borrowed for a [`Message`].
    pub(crate) fn borrowed_headers(&self) -> Vec<OutgoingHeader<'_>> {
        self.headers.iter().map(|(name, value)| (name.as_str().into(), value.as_deref().map(Cow::Borrowed))).collect()
    }
}
