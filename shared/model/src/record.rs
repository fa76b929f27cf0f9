//! One record as Kafka delivered it, borrowed from the batch's buffer or from a row of the log.

use crate::{Micros, time::NO_TIMESTAMP_MS};

/// The data format that a schema registry names for a value (`valueSchemaMetadata.dataFormat`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchemaFormat {
    /// JSON, with or without JSON Schema.
    Json,
    /// Avro's binary encoding.
    Avro,
    /// Protocol Buffers.
    Protobuf,
}

/// The data that Lambda sends about a value when its mapping has a schema registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueSchema {
    /// The data format; `None` when it is missing or not one of [`SchemaFormat`].
    pub format: Option<SchemaFormat>,
    /// The registry's id of the schema, as text: Confluent's ids are numbers, Glue's are UUIDs.
    pub id: String,
}

/// A record's header. Kafka allows a name more than once and a value of null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header<'a> {
    /// The header's name.
    pub name: &'a str,
    /// The header's value; `None` for a null value.
    pub value: Option<&'a [u8]>,
}

/// A record's headers in their original order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers<'a>(pub Vec<Header<'a>>);

impl<'a> Headers<'a> {
    /// Returns the text of the last header with this name, in any case. `None` when the record has
    /// no such header, when its value is null or when its bytes are not UTF-8.
    ///
    /// Kafka's own `lastHeader` takes the last one too.
    pub fn text(&self, name: &str) -> Option<&'a str> {
        let header = self.0.iter().rev().find(|h| h.name.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(header.value?).ok()
    }

    /// Returns whether the record has no headers.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// [`Record::bad_base64`] of a record whose key is not base64. Its value may be invalid too.
pub const KEY_NOT_BASE64: &str = "the key is not base64";
/// [`Record::bad_base64`] of a record of which only the value is not base64.
pub const VALUE_NOT_BASE64: &str = "the value is not base64";

/// A record: coordinates, the producer's timestamp, headers, key and value.
#[derive(Debug, Clone)]
pub struct Record<'a> {
    /// The topic's name.
    pub topic: &'a str,
    /// The partition, 0 or more.
    pub partition: i32,
    /// The offset, 0 or more.
    pub offset: i64,
    /// Milliseconds since 1970 UTC, as the producer set them. 0, negative and far-future values
    /// occur.
    pub timestamp_ms: i64,
    /// The key's bytes; `None` when the record has no key.
    pub key: Option<&'a [u8]>,
    /// The value's bytes; `None` for a tombstone.
    pub value: Option<&'a [u8]>,
    /// The headers in their original order.
    pub headers: Headers<'a>,
    /// The time of arrival by the database's clock: the begin of the transaction that stored the
    /// record first. `None` as long as this time is not known.
    pub arrived_at: Option<Micros>,
    /// The data of the mapping's schema registry; `None` without a registry.
    pub schema: Option<&'a ValueSchema>,
    /// The error text when `key` or `value` is not valid base64. They then hold the undecoded text.
    pub bad_base64: Option<&'static str>,
    /// xxh3-128 of timestamp, headers, key and value, with their lengths.
    pub checksum: u128,
}

impl Record<'_> {
    /// Returns the producer's timestamp. `None` without a timestamp, and outside the years
    /// 0000–9999.
    pub fn timestamp(&self) -> Option<Micros> {
        if self.timestamp_ms == NO_TIMESTAMP_MS {
            None
        } else {
            Micros::from_millis(self.timestamp_ms)
        }
    }

    /// Returns a time for an event without a time, with the words for the finding.
    ///
    /// The time is the record's timestamp. Without one, it is the time of arrival.
    pub fn timestamp_or_arrival(&self) -> Option<(Micros, &'static str)> {
        match self.timestamp_ms {
            NO_TIMESTAMP_MS => self.arrived_at.map(|at| (at, "the arrival time is used")),
            _ => self.timestamp().map(|at| (at, "the record's timestamp is used")),
        }
    }
}
