//! The JSON of a failure.

use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::value::to_raw_value;
use std::borrow::Cow;
use tokio_postgres::Row;
use weir_model::listing::{ColumnKind, ListColumn};
use weir_store::headers::OwnedHeaders;

use crate::{
    json::{JsonText, Text, value_json},
    list::{Cell, RowEncoder},
    openapi::listed_body,
    routes::events::{COORDINATES, Coordinates},
    stream_ids::Known,
};

/// The members of a failure after those that it shares with an event.
const OWN: &[ListColumn] = &[
    ListColumn::maybe("payload", ColumnKind::Json, "The record's value, if it is JSON."),
    ListColumn::of("created_at", ColumnKind::Instant, "The time at which the record arrived."),
    ListColumn::of(
        "metadata",
        ColumnKind::Json,
        "The record's headers by name, and `retry_count`.",
    ),
    ListColumn::of(
        "model",
        ColumnKind::Text,
        "The model that could not take the record; `events` if no model was bound to its topic.",
    ),
    ListColumn::of("error_class", ColumnKind::Text, "The class of the error, for grouping."),
    ListColumn::of("error_message", ColumnKind::Text, "The reason in one line."),
    ListColumn::of(
        "error_backtrace",
        ColumnKind::Json,
        "The causes of the error, outermost first.",
    ),
    ListColumn::of("attempts", ColumnKind::Int4, "The number of attempts."),
    ListColumn::maybe("key", ColumnKind::Text, "The record's key."),
    // The member exists only for base64, which a client could not distinguish from text.
    ListColumn::optional("key_encoding", ColumnKind::Text, "`base64` if the key is not UTF-8."),
    ListColumn::maybe("value", ColumnKind::Text, "The record's value."),
    ListColumn::optional("value_encoding", ColumnKind::Text, "`base64` if the value is not UTF-8."),
];

listed_body!(
    FailureBody,
    "Failure",
    "A record that could not be stored as an event.",
    [COORDINATES, OWN].into_iter().flatten()
);

/// Reads failures: the members of an event, the reason of the failure, and the record's bytes.
pub(crate) struct Failures(Coordinates);

impl Failures {
    pub(crate) fn new(streams: Known) -> Self {
        Self(Coordinates::new(streams))
    }
}

impl RowEncoder for Failures {
    fn names(&self) -> Vec<&'static str> {
        COORDINATES.iter().chain(OWN).map(|column| column.name).collect()
    }

    fn cells<'r>(
        &'r self,
        row: &'r Row,
        cells: &mut Vec<Cell<'r>>,
    ) -> Result<(), tokio_postgres::Error> {
        self.0.read(row, cells)?;
        let value: Option<&[u8]> = row.try_get("value")?;
        let attempts: i32 = row.try_get("attempts")?;
        let headers: Option<JsonText<'_>> = row.try_get("headers")?;
        let headers = headers.map(|json| OwnedHeaders::from_json(json.0)).unwrap_or_default();
        cells.push(value_json(value).into());
        cells.push(Cell::Instant(row.try_get("arrived_at")?));
        cells.push(json(&Metadata { headers, retry_count: attempts.saturating_sub(1) }));
        cells.push(row.try_get::<_, &str>("model")?.into());
        cells.push(row.try_get::<_, &str>("error_class")?.into());
        cells.push(row.try_get::<_, &str>("error_message")?.into());
        cells.push(json(&row.try_get::<_, Vec<&str>>("error_chain")?));
        cells.push(Cell::Int(attempts.into()));
        bytes(row.try_get("key")?, cells);
        bytes(value, cells);
        Ok(())
    }
}

fn json<'r>(value: &impl Serialize) -> Cell<'r> {
    to_raw_value(value).map_or(Cell::Null, |json| Cell::Json(Cow::Owned(json)))
}

/// Appends bytes as text, and their encoding.
fn bytes<'r>(bytes: Option<&'r [u8]>, cells: &mut Vec<Cell<'r>>) {
    let text = bytes.map(Text::from);
    let encoding = text.as_ref().and_then(Text::encoding);
    cells.push(text.into());
    cells.push(encoding.map_or(Cell::Absent, Cell::from));
}

/// The headers by name, and the number of retries. If a name occurs more than once, its value is an
/// array. If a header is called `retry_count`, Weir's own member replaces it.
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
            let values: Vec<Option<Text<'_>>> = headers.0[n..]
                .iter()
                .filter(|h| h.name == header.name)
                .map(|h| h.value.map(Text::from))
                .collect();
            match values.as_slice() {
                [one] => map.serialize_entry(header.name, one)?,
                several => map.serialize_entry(header.name, several)?,
            }
        }
        map.serialize_entry(RETRY_COUNT, &self.retry_count)?;
        map.end()
    }
}
