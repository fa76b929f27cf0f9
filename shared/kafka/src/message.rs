//! Records that Weir writes to Kafka.

use std::borrow::Cow;

/// A header. Kafka allows repeated names and null values.
pub type OutgoingHeader<'a> = (Cow<'a, str>, Option<Cow<'a, [u8]>>);

/// One record for Kafka, borrowed from its source.
#[derive(Debug, Clone, Copy, Default)]
pub struct Message<'a> {
    /// The topic's name.
    pub topic: &'a str,
    /// The partition. With `None`, the hash of the key selects it, or it is random without a key.
    pub partition: Option<i32>,
    /// The key's bytes, if the record has a key.
    pub key: Option<&'a [u8]>,
    /// The value's bytes; `None` is a tombstone.
    pub value: Option<&'a [u8]>,
    /// The headers in order.
    pub headers: &'a [OutgoingHeader<'a>],
    /// Milliseconds since 1970. With `None` or 0, the client's clock sets the timestamp: librdkafka
    /// cannot send 0.
    pub timestamp_ms: Option<i64>,
}

/// The bytes of a record in addition to its key, value and headers, in the producer's queue and in
/// a broker.
const FRAME_BYTES: usize = 200;

/// Returns the bytes that a record takes in the queue and in a broker.
///
/// All accounting uses this function, so that reserved and released bytes are always the same
/// number.
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
    /// Returns the bytes that this record takes.
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
    /// The partition. With `None`, the hash of the key selects it, or it is random without a key.
    pub partition: Option<i32>,
    /// The key's bytes, if the record has a key.
    pub key: Option<Vec<u8>>,
    /// The value's bytes; `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    /// The headers in order; a value may be null.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    /// Milliseconds since 1970. With `None` or 0, the client's clock sets the timestamp: librdkafka
    /// cannot send 0.
    pub timestamp_ms: Option<i64>,
}

impl OutgoingRecord {
    /// Returns its headers, borrowed for a [`Message`].
    pub(crate) fn borrowed_headers(&self) -> Vec<OutgoingHeader<'_>> {
        self.headers
            .iter()
            .map(|(name, value)| (name.as_str().into(), value.as_deref().map(Cow::Borrowed)))
            .collect()
    }
}
