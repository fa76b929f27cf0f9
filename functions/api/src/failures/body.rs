//! A failure as a client sees it.

use std::borrow::Cow;

use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::value::RawValue;
use tokio_postgres::Row;
use weir_store::headers::OwnedHeaders;

use crate::{
    events::Coordinates,
    json::{Text, Time, value_json},
};

/// The body: what an event has, why it is none, and the record's bytes.
#[derive(Serialize)]
pub(crate) struct Failure<'a> {
    #[serde(flatten)]
    coordinates: Coordinates<'a>,
    payload: Option<Cow<'a, RawValue>>,
    created_at: Time,
    metadata: Metadata,
    error_class: &'a str,
    error_message: &'a str,
    error_backtrace: Vec<&'a str>,
    attempts: i32,
    key: Option<Text<'a>>,
    /// There where it is not the text itself: no reader could tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    key_encoding: Option<&'static str>,
    value: Option<Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value_encoding: Option<&'static str>,
}

impl<'a> Failure<'a> {
    pub(crate) fn of(row: &'a Row) -> Result<Self, tokio_postgres::Error> {
        let bytes: Option<&[u8]> = row.try_get("value")?;
        let key = row.try_get::<_, Option<&[u8]>>("key")?.map(Text::from);
        let value = bytes.map(Text::from);
        let attempts: i32 = row.try_get("attempts")?;
        Ok(Self {
            coordinates: Coordinates::of(row)?,
            payload: value_json(bytes),
            created_at: Time(row.try_get("created_at")?),
            metadata: Metadata {
                headers: row.try_get::<_, Option<&str>>("headers")?.map(OwnedHeaders::from_json).unwrap_or_default(),
                retry_count: attempts.saturating_sub(1),
            },
            error_class: row.try_get("error_class")?,
            error_message: row.try_get("error_message")?,
            error_backtrace: row.try_get("error_chain")?,
            attempts,
            key_encoding: key.as_ref().and_then(Text::encoding),
            key,
            value_encoding: value.as_ref().and_then(Text::encoding),
            value,
        })
    }
}

/// The headers by name, and how often the record was tried again. A name that stands more than once has an
/// array; our own member wins over a header of its name.
struct Metadata {
    headers: OwnedHeaders,
    retry_count: i32,
}

const RETRY_COUNT: &str = "retry_count";

impl Serialize for Metadata {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let headers = self.headers.view();
        let mut map = serializer.serialize_map(None)?;
        for (n, header) in headers.0.iter().enumerate() {
            if header.name == RETRY_COUNT || headers.0[..n].iter().any(|h| h.name == header.name) {
                continue;
            }
            let values: Vec<Option<Text<'_>>> =
                headers.0[n..].iter().filter(|h| h.name == header.name).map(|h| h.value.map(Text::from)).collect();
            match values.as_slice() {
                [one] => map.serialize_entry(header.name, one)?,
                several => map.serialize_entry(header.name, several)?,
            }
        }
        map.serialize_entry(RETRY_COUNT, &self.retry_count)?;
        map.end()
    }
}
