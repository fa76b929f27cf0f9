//! A member of a list's element, in JSON and in CSV.

use std::{borrow::Cow, fmt::Write as _};

use serde_json::value::RawValue;
use tokio_postgres::Row;
use uuid::Uuid;
use weir_model::{
    Micros,
    listing::{ColumnKind, ListColumn},
};

use crate::json::{self, JsonText, Text};

/// The value of a member.
pub(crate) enum Cell<'a> {
    /// Null: `null` in JSON, an empty field in CSV.
    Null,
    /// Not present: no member in JSON, an empty field in CSV.
    Absent,
    Bool(bool),
    Int(i64),
    Float(f64),
    Uuid(Uuid),
    Instant(Micros),
    /// Text, or bytes as base64.
    Text(Text<'a>),
    Owned(String),
    Json(Cow<'a, RawValue>),
    /// JSON that the database has already checked.
    Verbatim(&'a str),
}

impl<'a> Cell<'a> {
    /// Reads a column of a [`Listing`](weir_model::listing::Listing).
    pub(crate) fn of(
        column: &ListColumn,
        row: &'a Row,
        at: usize,
    ) -> Result<Self, tokio_postgres::Error> {
        Ok(match column.kind {
            ColumnKind::Uuid => row.try_get::<_, Option<_>>(at)?.map(Self::Uuid),
            ColumnKind::Text => row.try_get::<_, Option<&str>>(at)?.map(Self::from),
            ColumnKind::Int4 => row.try_get::<_, Option<i32>>(at)?.map(|n| Self::Int(n.into())),
            ColumnKind::Int8 => row.try_get::<_, Option<_>>(at)?.map(Self::Int),
            ColumnKind::Float8 => row.try_get::<_, Option<_>>(at)?.map(Self::Float),
            ColumnKind::Bool => row.try_get::<_, Option<_>>(at)?.map(Self::Bool),
            ColumnKind::Instant => row.try_get::<_, Option<_>>(at)?.map(Self::Instant),
            ColumnKind::Json => {
                row.try_get::<_, Option<JsonText<'_>>>(at)?.map(|json| Self::Verbatim(json.0))
            }
        }
        .unwrap_or(Self::Null))
    }

    /// Returns whether the JSON object has this member.
    pub(super) fn is_there(&self) -> bool {
        !matches!(self, Self::Absent)
    }

    pub(super) fn write_json(&self, out: &mut Vec<u8>) {
        match self {
            Self::Null | Self::Absent => out.extend_from_slice(b"null"),
            Self::Bool(value) => json::append(out, value),
            Self::Int(value) => json::append(out, value),
            Self::Float(value) => json::append_number(out, *value),
            Self::Uuid(value) => json::append(out, value),
            Self::Instant(value) => json::append_instant(out, *value),
            Self::Text(value) => json::append(out, value),
            Self::Owned(value) => json::append(out, value),
            Self::Json(value) => out.extend_from_slice(value.get().as_bytes()),
            Self::Verbatim(value) => out.extend_from_slice(value.as_bytes()),
        }
    }

    /// Writes a field of CSV: a text without quotes, other values as in JSON.
    pub(super) fn write_csv(&self, field: &mut String) {
        field.clear();
        // Writing into a string does not fail.
        let _ = match self {
            Self::Null | Self::Absent => Ok(()),
            Self::Bool(value) => write!(field, "{value}"),
            Self::Int(value) => write!(field, "{value}"),
            Self::Float(value) => write!(field, "{value}"),
            Self::Uuid(value) => write!(field, "{value}"),
            Self::Instant(value) => write!(field, "{}", value.rfc3339_millis()),
            Self::Text(value) => write!(field, "{}", value.as_str()),
            Self::Owned(value) => write!(field, "{value}"),
            Self::Json(value) => write!(field, "{}", value.get()),
            Self::Verbatim(value) => write!(field, "{value}"),
        };
    }
}

impl<'a> From<&'a str> for Cell<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Text::Plain(text))
    }
}

impl<'a, T: Into<Cell<'a>>> From<Option<T>> for Cell<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl From<Micros> for Cell<'_> {
    fn from(value: Micros) -> Self {
        Self::Instant(value)
    }
}

impl<'a> From<Cow<'a, RawValue>> for Cell<'a> {
    fn from(value: Cow<'a, RawValue>) -> Self {
        Self::Json(value)
    }
}

impl<'a> From<Text<'a>> for Cell<'a> {
    fn from(value: Text<'a>) -> Self {
        Self::Text(value)
    }
}
