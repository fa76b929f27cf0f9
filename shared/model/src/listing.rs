//! How the rows of a projection are listed: what `GET /v1/{model}` answers.

use postgres_types::Type;

/// What a column of a list holds, and how it stands in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    /// `uuid`, a string.
    Uuid,
    /// `text`, a string.
    Text,
    /// `integer`, a number.
    Int4,
    /// `bigint`, a number.
    Int8,
    /// `double precision`, a number.
    Float8,
    /// `boolean`.
    Bool,
    /// `timestamptz`, RFC 3339 in UTC with milliseconds.
    Instant,
    /// `json`, as it is. A `jsonb` column is cast to `json` in the statement.
    Json,
}

impl ColumnKind {
    /// The type in PostgreSQL.
    pub fn sql_type(self) -> Type {
        match self {
            Self::Uuid => Type::UUID,
            Self::Text => Type::TEXT,
            Self::Int4 => Type::INT4,
            Self::Int8 => Type::INT8,
            Self::Float8 => Type::FLOAT8,
            Self::Bool => Type::BOOL,
            Self::Instant => Type::TIMESTAMPTZ,
            Self::Json => Type::JSON,
        }
    }
}

/// A column of a list: a member of its elements.
#[derive(Debug, Clone, Copy)]
pub struct ListColumn {
    /// The name, `snake_case`.
    pub name: &'static str,
    /// What it holds.
    pub kind: ColumnKind,
    /// Whether it may be null.
    pub nullable: bool,
    /// Whether an element may lack it.
    pub optional: bool,
    /// One line for the documentation.
    pub about: &'static str,
}

impl ListColumn {
    /// A column that is never null.
    pub const fn of(name: &'static str, kind: ColumnKind, about: &'static str) -> Self {
        Self { name, kind, nullable: false, optional: false, about }
    }

    /// A column that may be null.
    pub const fn maybe(name: &'static str, kind: ColumnKind, about: &'static str) -> Self {
        Self { nullable: true, ..Self::of(name, kind, about) }
    }

    /// A column that an element may lack.
    pub const fn optional(name: &'static str, kind: ColumnKind, about: &'static str) -> Self {
        Self { optional: true, ..Self::of(name, kind, about) }
    }
}

/// A parameter that narrows a list.
#[derive(Debug, Clone, Copy)]
pub struct ListFilter {
    /// The query parameter's name.
    pub name: &'static str,
    /// What it takes: [`ColumnKind::Text`], [`ColumnKind::Uuid`], [`ColumnKind::Bool`] or
    /// [`ColumnKind::Instant`].
    pub kind: ColumnKind,
    /// One line for the documentation.
    pub about: &'static str,
}

/// The list of a projection's rows.
#[derive(Debug, Clone, Copy)]
pub struct Listing {
    /// One `SELECT`. `$1` is the limit (null: all rows), `$2` the offset, then come the
    /// [`filters`](Self::filters) in their order (null: not given), then the parts of the
    /// [`key`](Self::key) of the row before the first (null: from the beginning). It gives
    /// [`columns`](Self::columns) in their order, the newest row first, in an order that the key
    /// decides wholly.
    pub sql: &'static str,
    /// The members of an element.
    pub columns: &'static [ListColumn],
    /// The names of the columns that decide the order.
    pub key: &'static [&'static str],
    /// What narrows it.
    pub filters: &'static [ListFilter],
}

impl Listing {
    /// The columns of the [`key`](Self::key), each with its place in [`columns`](Self::columns).
    pub fn key_columns(&self) -> impl Iterator<Item = (usize, &ListColumn)> {
        self.key.iter().filter_map(|name| {
            self.columns.iter().enumerate().find(|(_, column)| column.name == *name)
        })
    }
}
