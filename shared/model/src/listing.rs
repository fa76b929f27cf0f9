//! The list of a projection's rows, as `GET /v1/{model}` returns it.

use postgres_types::Type;

/// The type of a list's column, and its form in JSON.
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
    /// `boolean`, true or false.
    Bool,
    /// `timestamptz`, RFC 3339 in UTC with milliseconds.
    Instant,
    /// `json`, unchanged. The statement casts a `jsonb` column to `json`.
    Json,
}

impl ColumnKind {
    /// Returns the type in PostgreSQL.
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
    /// The type of the column.
    pub kind: ColumnKind,
    /// Whether the value may be null.
    pub nullable: bool,
    /// Whether an element may omit the member.
    pub optional: bool,
    /// One line for the documentation.
    pub about: &'static str,
}

impl ListColumn {
    /// Returns a column that is never null.
    pub const fn of(name: &'static str, kind: ColumnKind, about: &'static str) -> Self {
        Self { name, kind, nullable: false, optional: false, about }
    }

    /// Returns a column that may be null.
    pub const fn maybe(name: &'static str, kind: ColumnKind, about: &'static str) -> Self {
        Self { nullable: true, ..Self::of(name, kind, about) }
    }

    /// Returns a column that an element may omit.
    pub const fn optional(name: &'static str, kind: ColumnKind, about: &'static str) -> Self {
        Self { optional: true, ..Self::of(name, kind, about) }
    }
}

/// A query parameter that narrows a list.
#[derive(Debug, Clone, Copy)]
pub struct ListFilter {
    /// The query parameter's name.
    pub name: &'static str,
    /// The type of the parameter: [`ColumnKind::Text`], [`ColumnKind::Uuid`], [`ColumnKind::Bool`]
    /// or [`ColumnKind::Instant`].
    pub kind: ColumnKind,
    /// One line for the documentation.
    pub about: &'static str,
}

/// The list of a projection's rows.
#[derive(Debug, Clone, Copy)]
pub struct Listing {
    /// One `SELECT`. It returns [`columns`](Self::columns) in their order, the newest row first.
    /// The [`key`](Self::key) must decide the order completely.
    ///
    /// Parameters: `$1` is the limit (null: all rows) and `$2` the offset. Then follow the
    /// [`filters`](Self::filters) in their order (null: not given). The last ones are the parts of
    /// the [`key`](Self::key) of the row before the first (null: from the beginning).
    pub sql: &'static str,
    /// The members of an element.
    pub columns: &'static [ListColumn],
    /// The names of the columns that define the order.
    pub key: &'static [&'static str],
    /// The parameters that narrow the list.
    pub filters: &'static [ListFilter],
}

impl Listing {
    /// Returns the columns of the [`key`](Self::key), each with its index in
    /// [`columns`](Self::columns).
    pub fn key_columns(&self) -> impl Iterator<Item = (usize, &ListColumn)> {
        self.key.iter().filter_map(|name| {
            self.columns.iter().enumerate().find(|(_, column)| column.name == *name)
        })
    }
}
