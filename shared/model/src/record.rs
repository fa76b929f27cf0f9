//! One record as Kafka delivered it, borrowed from the batch's arena or from a row of the log.

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

/// What Lambda says about a value when its mapping has a schema registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueSchema {
    /// The data format; `None` when it is one that AWS did not have when this was written.
    pub format: Option<SchemaFormat>,
    /// The registry's id of the schema, as text: Confluent counts, Glue has UUIDs.
    pub id: String,
}

/// A record's header. Kafka allows a name more than once and a value of null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header<'a> {
    /// The name.
    pub name: &'a str,
    /// The bytes; `None` for a null value.
    pub value: Option<&'a [u8]>,
}

/// A record's headers in the order in which they came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers<'a>(pub Vec<Header<'a>>);

impl<'a> Headers<'a> {
    /// The text of the last header called `name` (last, as Kafka's own `lastHeader`); `None` when
    /// there is none or when its bytes are not UTF-8.
    pub fn text(&self, name: &str) -> Option<&'a str> {
        let header = self.0.iter().rev().find(|h| h.name.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(header.value?).ok()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The class of the rejection of what could not be taken out of base64.
pub const BAD_BASE64: &str = "bad_base64";
/// [`Record::bad_base64`] of a record whose key is no base64; its value may be none either.
pub const KEY_NOT_BASE64: &str = "the key is not base64";
/// [`Record::bad_base64`] of a record whose value alone is no base64.
pub const VALUE_NOT_BASE64: &str = "the value is not base64";

/// A record: coordinates, the producer's timestamp, bytes.
#[derive(Debug, Clone)]
pub struct Record<'a> {
    /// Topic.
    pub topic: &'a str,
    /// Partition, 0 or more.
    pub partition: i32,
    /// Offset, 0 or more.
    pub offset: i64,
    /// Milliseconds since 1970 UTC, the producer's word: 0, negative and far-future values occur.
    pub timestamp_ms: i64,
    /// Key bytes; `None` when the record has none.
    pub key: Option<&'a [u8]>,
    /// Value bytes; `None` for a tombstone.
    pub value: Option<&'a [u8]>,
    /// Headers.
    pub headers: Headers<'a>,
    /// When it arrived, by the database's clock: when the transaction began that stores it first.
    /// `None` where nobody knows it yet.
    pub arrived_at: Option<Micros>,
    /// What the registry of the mapping said of the value, if there is one.
    pub schema: Option<&'a ValueSchema>,
    /// Set when `key` or `value` could not be taken out of base64: they then hold the text itself.
    pub bad_base64: Option<&'static str>,
    /// xxh3-128 over timestamp, headers and the length-prefixed key and value.
    pub checksum: u128,
}

impl Record<'_> {
    /// The producer's timestamp; `None` where Kafka has none, and outside the years 0000–9999.
    pub fn timestamp(&self) -> Option<Micros> {
        if self.timestamp_ms == NO_TIMESTAMP_MS {
            None
        } else {
            Micros::from_millis(self.timestamp_ms)
        }
    }

    /// What stands for the time of an event that says none and needs one: the timestamp; where
    /// Kafka has none, the arrival. With the words for it.
    pub fn timestamp_or_arrival(&self) -> Option<(Micros, &'static str)> {
        match self.timestamp_ms {
            NO_TIMESTAMP_MS => self.arrived_at.map(|at| (at, "the arrival stands for it")),
            _ => self.timestamp().map(|at| (at, "the record's stands for it")),
        }
    }
}
