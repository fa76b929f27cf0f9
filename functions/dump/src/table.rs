//! What is read: a model's table, its columns and its order, as the database describes them.

use std::ops::Range;

use tokio_postgres::{Client, types::Type};
use weir_blob::Column as ManifestColumn;
use weir_blob::Day;
use weir_model::{Micros, Models, Table};

use crate::{DumpError, LOG};

/// What a column holds, as binary COPY carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `uuid`.
    Uuid,
    /// `text`, `varchar`.
    Text,
    /// `integer`.
    Int4,
    /// `bigint`.
    Int8,
    /// `double precision`.
    Float8,
    /// `boolean`.
    Bool,
    /// `timestamptz`.
    Instant,
    /// `json`.
    Json,
    /// `jsonb`: a version byte stands before the text.
    Jsonb,
    /// `bytea`.
    Bytes,
    /// Anything else, as PostgreSQL writes it as text.
    Other,
}

impl Kind {
    fn of(type_name: &str) -> Self {
        match type_name {
            "uuid" => Self::Uuid,
            "text" | "varchar" => Self::Text,
            "int4" => Self::Int4,
            "int8" => Self::Int8,
            "float8" => Self::Float8,
            "bool" => Self::Bool,
            "timestamptz" => Self::Instant,
            "json" => Self::Json,
            "jsonb" => Self::Jsonb,
            "bytea" => Self::Bytes,
            _ => Self::Other,
        }
    }
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// The name.
    pub name: String,
    /// PostgreSQL's name of its type.
    pub type_name: String,
    /// What it holds.
    pub kind: Kind,
    /// Whether it may be null.
    pub nullable: bool,
}

/// A model's table, described.
#[derive(Debug, Clone)]
pub struct Source {
    /// The model.
    pub model: String,
    pub(crate) table: Table,
    /// The columns in their order.
    pub columns: Vec<Column>,
    /// The places of the key's columns: what rows are sorted by.
    pub key: Vec<usize>,
}

/// The key of a table whose rows are (what, when): a value, and an instant of which the day is taken.
pub struct Timed<'s> {
    /// The key's first column.
    pub what: &'s Column,
    /// The name of its second one.
    pub when: &'s str,
}

/// Rows that have one of these values in a column.
pub struct Only<'v> {
    /// The column.
    pub column: &'v str,
    /// PostgreSQL's name of its type.
    pub type_name: &'v str,
    /// The values, as text.
    pub values: &'v [String],
}

/// The table of a model: the log's own for `events`.
pub fn table_of(models: &Models, name: &str) -> Result<Table, DumpError> {
    if name == LOG {
        return Ok(Table { schema: None, name: LOG, day: Some("arrived_at") });
    }
    let table = models.get(name).and_then(|m| m.table());
    table.ok_or_else(|| DumpError::Refused(format!("model {name:?} has no table of its own to dump")))
}

impl Source {
    /// Reads the description.
    pub async fn describe(client: &Client, models: &Models, model: &str) -> Result<Self, DumpError> {
        let table = table_of(models, model)?;
        let params = [(&table.schema as &(dyn tokio_postgres::types::ToSql + Sync), Type::TEXT), (&table.name, Type::TEXT)];
        let rows = client.query_typed(include_str!("sql/describe_table.sql"), &params).await?;
        let (mut columns, mut key) = (Vec::with_capacity(rows.len()), Vec::new());
        for (place, row) in rows.iter().enumerate() {
            let column =
                Column { name: row.try_get(0)?, type_name: row.try_get(1)?, kind: Kind::of(row.try_get(2)?), nullable: row.try_get(3)? };
            columns.push(column);
            if let Some(rank) = row.try_get::<_, Option<i32>>(4)? {
                key.push((rank, place));
            }
        }
        if columns.is_empty() {
            return Err(DumpError::Refused(format!("the database has no table for model {model}: run `weir migrate`")));
        }
        if key.is_empty() {
            return Err(DumpError::Refused(format!(
                "the table of model {model} has no primary key, so its rows have no order to be dumped in"
            )));
        }
        key.sort_unstable();
        Ok(Self { model: model.to_owned(), table, columns, key: key.into_iter().map(|(_, place)| place).collect() })
    }

    /// The same table, these columns of it.
    #[must_use]
    pub fn with_columns(&self, columns: &[Column]) -> Self {
        Self { columns: columns.to_vec(), ..self.clone() }
    }

    /// Whether it is dumped as a whole, without days.
    pub fn is_state(&self) -> bool {
        self.table.day.is_none()
    }

    /// The columns as a manifest has them.
    pub fn schema(&self) -> Vec<ManifestColumn> {
        let column = |c: &Column| ManifestColumn { name: c.name.clone(), kind: c.type_name.clone(), nullable: c.nullable };
        self.columns.iter().map(column).collect()
    }

    /// The names of the key's columns.
    pub fn key_names(&self) -> Vec<String> {
        self.key.iter().map(|place| self.columns[*place].name.clone()).collect()
    }

    /// The places of the columns `stream`, `partition` and `offset`, where there are such.
    pub fn position(&self) -> Option<[usize; 3]> {
        let place = |name: &str, kind| self.columns.iter().position(|c| c.name == name && c.kind == kind);
        Some([place("stream", Kind::Int4)?, place("partition", Kind::Int4)?, place("offset", Kind::Int8)?])
    }

    fn names(&self, which: impl Fn(&Column) -> bool) -> Vec<&str> {
        self.columns.iter().filter(|c| which(c)).map(|c| c.name.as_str()).collect()
    }

    /// The statement that copies a time out, or the whole of a state, in the order of the key.
    pub async fn copy_out(&self, client: &Client, time: Range<Micros>, only: Option<Only<'_>>) -> Result<String, DumpError> {
        let (all, texts, key) = (self.names(|_| true), self.names(|c| c.kind == Kind::Other), self.key_names());
        let (column, type_name, values) = match only {
            Some(Only { column, type_name, values }) => (Some(column), Some(type_name), Some(values)),
            None => (None, None, None),
        };
        let rows = client
            .query_typed(
                include_str!("sql/copy_out_statement.sql"),
                &[
                    (&self.table.schema, Type::TEXT),
                    (&self.table.name, Type::TEXT),
                    (&all, Type::TEXT_ARRAY),
                    (&texts, Type::TEXT_ARRAY),
                    (&key, Type::TEXT_ARRAY),
                    (&self.table.day, Type::TEXT),
                    (&time.start, Type::TIMESTAMPTZ),
                    (&time.end, Type::TIMESTAMPTZ),
                    (&column, Type::TEXT),
                    (&type_name, Type::TEXT),
                    (&values, Type::TEXT_ARRAY),
                ],
            )
            .await?;
        one(&rows)
    }

    /// The key as (what, when), where it is that.
    pub fn timed(&self) -> Option<Timed<'_>> {
        let [what, when] = self.key.as_slice() else { return None };
        let (what, when) = (&self.columns[*what], self.columns[*when].name.as_str());
        (self.table.day == Some(when)).then_some(Timed { what, when })
    }

    /// The statements that copy rows in: one before, the COPY, one after.
    pub async fn copy_in(&self, client: &Client) -> Result<(Option<String>, String, Option<String>), DumpError> {
        let (all, texts) = (self.names(|_| true), self.names(|c| c.kind == Kind::Other));
        let types: Vec<&str> = self.columns.iter().map(|c| c.type_name.as_str()).collect();
        let rows = client
            .query_typed(
                include_str!("sql/copy_in_statements.sql"),
                &[
                    (&self.table.schema, Type::TEXT),
                    (&self.table.name, Type::TEXT),
                    (&all, Type::TEXT_ARRAY),
                    (&types, Type::TEXT_ARRAY),
                    (&texts, Type::TEXT_ARRAY),
                ],
            )
            .await?;
        let row = rows.first().ok_or_else(|| DumpError::Broken("the database gave no statement".to_owned()))?;
        Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))
    }

    /// Whether the table holds a row of the day, or any row of a state.
    pub async fn has_rows(&self, client: &Client, day: Day) -> Result<bool, DumpError> {
        let (begin, end) = bounds(day);
        let rows = client
            .query_typed(
                include_str!("sql/count_rows_statement.sql"),
                &[
                    (&self.table.schema, Type::TEXT),
                    (&self.table.name, Type::TEXT),
                    (&self.table.day, Type::TEXT),
                    (&begin, Type::TIMESTAMPTZ),
                    (&end, Type::TIMESTAMPTZ),
                ],
            )
            .await?;
        let statement: String = one(&rows)?;
        let rows = client.query_typed(&statement, &[]).await?;
        Ok(rows.first().map(|row| row.try_get(0)).transpose()?.unwrap_or(false))
    }
}

/// Where a day begins and ends.
pub fn bounds(day: Day) -> (Micros, Micros) {
    (Micros(day.begin_micros()), Micros(day.begin_micros() + 86_400_000_000))
}

/// The statement that PostgreSQL wrote.
pub(crate) fn one(rows: &[tokio_postgres::Row]) -> Result<String, DumpError> {
    let row = rows.first().ok_or_else(|| DumpError::Broken("the database gave no statement".to_owned()))?;
    Ok(row.try_get(0)?)
}
