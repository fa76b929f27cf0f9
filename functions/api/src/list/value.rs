//! Parameters whose type is known only at run time.

use bytes::BytesMut;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use uuid::Uuid;
use weir_http::SqlParam;
use weir_model::{Micros, listing::ColumnKind};

use crate::{ApiError, query::Params};

/// A parameter of a list's statement.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Uuid(Uuid),
    Text(String),
    Texts(Vec<String>),
    Int4(i32),
    Int8(i64),
    Bool(bool),
    Instant(Micros),
}

impl Value {
    /// Returns the parameters of a statement.
    pub(crate) fn params(all: &[(Self, Type)]) -> Vec<SqlParam<'_>> {
        all.iter().map(|(value, kind)| (value as _, kind.clone())).collect()
    }

    /// Returns the query parameter of a filter; null when the parameter is not given.
    pub(super) fn take(
        params: &mut Params,
        name: &'static str,
        kind: ColumnKind,
    ) -> Result<Self, ApiError> {
        Ok(match kind {
            ColumnKind::Uuid => params.uuid(name)?.map(Self::Uuid),
            ColumnKind::Bool => {
                params.word(name, &["true", "false"])?.map(|word| Self::Bool(word == "true"))
            }
            ColumnKind::Instant => params.instant(name)?.map(Self::Instant),
            ColumnKind::Int4 => params.number(name, i32::MIN..=i32::MAX)?.map(Self::Int4),
            ColumnKind::Int8 => params.number(name, i64::MIN..=i64::MAX)?.map(Self::Int8),
            ColumnKind::Text | ColumnKind::Float8 | ColumnKind::Json => {
                params.text(name)?.map(Self::Text)
            }
        }
        .unwrap_or(Self::Null))
    }
}

impl ToSql for Value {
    fn to_sql(
        &self,
        kind: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Uuid(value) => value.to_sql(kind, out),
            Self::Text(value) => value.to_sql(kind, out),
            Self::Texts(value) => value.to_sql(kind, out),
            Self::Int4(value) => value.to_sql(kind, out),
            Self::Int8(value) => value.to_sql(kind, out),
            Self::Bool(value) => value.to_sql(kind, out),
            Self::Instant(value) => value.to_sql(kind, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        // Each value has its type next to it, see `Query`.
        true
    }

    to_sql_checked!();
}
