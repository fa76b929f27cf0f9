//! A model's table from the catalog of the database: its columns, its order, and the statements
//! that copy its rows.

use std::ops::Range;

use tokio_postgres::{Client, types::Type};
use weir_blob::{ManifestColumn, UtcDay};
use weir_model::{Micros, Models, Table, time::DAY_MICROS};
use weir_store::log;

use crate::{
    DumpError, LOG,
    query::{Param, first},
};

/// The type of a column, which decides its format in binary COPY.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SqlType {
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
    Timestamp,
    /// `json`.
    Json,
    /// `jsonb`: the text follows a version byte.
    Jsonb,
    /// `bytea`.
    Bytes,
    /// Any other type, which is read and written as PostgreSQL's text.
    Other,
}

impl SqlType {
    fn of(type_name: &str) -> Self {
        match type_name {
            "uuid" => Self::Uuid,
            "text" | "varchar" => Self::Text,
            "int4" => Self::Int4,
            "int8" => Self::Int8,
            "float8" => Self::Float8,
            "bool" => Self::Bool,
            "timestamptz" => Self::Timestamp,
            "json" => Self::Json,
            "jsonb" => Self::Jsonb,
            "bytea" => Self::Bytes,
            _ => Self::Other,
        }
    }
}

/// A column of a table.
#[derive(Debug, Clone)]
pub(crate) struct TableColumn {
    pub(crate) name: String,
    /// PostgreSQL's name of the type.
    pub(crate) type_name: String,
    pub(crate) sql_type: SqlType,
    pub(crate) nullable: bool,
}

/// A model's table.
#[derive(Debug, Clone)]
pub(crate) struct DumpTable {
    pub(crate) model: String,
    /// `None` for the core's schema.
    pub(crate) schema: Option<&'static str>,
    pub(crate) name: &'static str,
    /// The column that decides the day of a row. `None` for current state, which is dumped as a
    /// whole.
    pub(crate) day: Option<&'static str>,
    /// The columns in their order.
    pub(crate) columns: Vec<TableColumn>,
    /// The columns of the primary key in their order, or those that the model gives instead. Rows
    /// are sorted by this key.
    key: Vec<TableColumn>,
    /// A statement that runs after rows of a day were loaded.
    pub(crate) after_restore: Option<&'static str>,
    /// A statement that deletes what belongs to rows that retention removed.
    pub(crate) after_removal: Option<&'static str>,
}

/// A primary key (what, when): a value, and the timestamp that decides the day of a row.
pub(crate) struct TimeKey<'t> {
    /// The key's first column.
    pub(crate) what: &'t TableColumn,
    /// The name of the key's second column.
    pub(crate) when: &'t str,
}

/// Selects the rows with one of these values in a column.
pub(crate) struct ValueFilter<'v> {
    pub(crate) column: &'v str,
    /// PostgreSQL's name of the column's type.
    pub(crate) type_name: &'v str,
    /// The values, as text.
    pub(crate) values: &'v [String],
}

/// The statements that copy rows into the table, in their order.
pub(crate) struct CopyIn {
    /// Creates a temporary table for the COPY, when some columns are copied as text.
    pub(crate) before: Option<String>,
    pub(crate) copy: String,
    /// Moves the rows from the temporary table.
    pub(crate) after: Option<String>,
}

/// Returns the table of a model. The table of `events` is the log.
fn table_of(models: &Models, name: &str) -> Result<Table, DumpError> {
    if name == LOG {
        return Ok(Table {
            schema: None,
            name: log::RELATION,
            day: Some(log::DAY),
            order: Some(&log::KEY),
            after_restore: None,
            after_removal: None,
        });
    }
    let table = models.get(name).and_then(|m| m.table());
    table.ok_or_else(|| {
        DumpError::Refused(format!("model {name:?} does not exist or has no table to dump"))
    })
}

impl DumpTable {
    /// Reads the columns and the primary key from the database.
    pub(crate) async fn describe(
        client: &Client,
        models: &Models,
        model: &str,
    ) -> Result<Self, DumpError> {
        let Table { schema, name, day, order, after_restore, after_removal } =
            table_of(models, model)?;
        let params: [Param<'_>; 2] = [(&schema, Type::TEXT), (&name, Type::TEXT)];
        let rows = client.query_typed(include_str!("sql/describe_table.sql"), &params).await?;
        let (mut columns, mut key) = (Vec::with_capacity(rows.len()), Vec::<(i32, _)>::new());
        for row in &rows {
            let name: String = row.try_get("name")?;
            if model == LOG && log::OF_ROW.contains(&name.as_str()) {
                continue;
            }
            let nullable = if model == LOG {
                !log::NOT_NULL.contains(&name.as_str())
            } else {
                row.try_get("nullable")?
            };
            let place = match order {
                Some(order) => {
                    order.iter().zip(1..).find(|(column, _)| **column == name).map(|(_, n)| n)
                }
                None => row.try_get("key_place")?,
            };
            let column = TableColumn {
                name,
                type_name: row.try_get("type_name")?,
                sql_type: SqlType::of(row.try_get("base_type")?),
                nullable,
            };
            if let Some(place) = place {
                key.push((place, column.clone()));
            }
            columns.push(column);
        }
        if columns.is_empty() {
            return Err(DumpError::Refused(format!(
                "the database has no table for model {model}: run `weir migrate`"
            )));
        }
        if key.is_empty() {
            return Err(DumpError::Refused(format!(
                "the table of model {model} has no primary key, which gives the order of the rows \
                    in a dump: add one"
            )));
        }
        if model == LOG {
            columns.insert(0, topic_column());
        }
        key.sort_unstable_by_key(|(place, _)| *place);
        Ok(Self {
            model: model.to_owned(),
            schema,
            name,
            day,
            columns,
            key: key.into_iter().map(|(_, column)| column).collect(),
            after_restore,
            after_removal,
        })
    }

    /// Returns the same table with only these columns.
    pub(crate) fn with_columns(&self, columns: &[TableColumn]) -> Self {
        Self { columns: columns.to_vec(), ..self.clone() }
    }

    /// Returns whether the table is dumped as a whole, without days.
    pub(crate) fn is_state(&self) -> bool {
        self.day.is_none()
    }

    /// Returns the columns for a manifest.
    pub(crate) fn schema(&self) -> Vec<ManifestColumn> {
        let column = |c: &TableColumn| ManifestColumn {
            name: c.name.clone(),
            kind: c.type_name.clone(),
            nullable: c.nullable,
        };
        self.columns.iter().map(column).collect()
    }

    /// Returns the names of the key's columns.
    pub(crate) fn key_names(&self) -> Vec<String> {
        self.key.iter().map(|c| c.name.clone()).collect()
    }

    /// Returns the indexes of the columns `stream`, `partition` and `offset`. `None` unless all
    /// three exist.
    pub(crate) fn position(&self) -> Option<[usize; 3]> {
        let place = |name: &str, sql_type| {
            self.columns.iter().position(|c| c.name == name && c.sql_type == sql_type)
        };
        Some([
            place("stream", SqlType::Int4)?,
            place("partition", SqlType::Int4)?,
            place("offset", SqlType::Int8)?,
        ])
    }

    /// Returns the key as (what, when). `None` when the key has other columns.
    pub(crate) fn time_key(&self) -> Option<TimeKey<'_>> {
        let [what, when] = self.key.as_slice() else { return None };
        (self.day == Some(&when.name)).then_some(TimeKey { what, when: &when.name })
    }

    fn names(&self, which: impl Fn(&TableColumn) -> bool) -> Vec<&str> {
        self.columns.iter().filter(|c| which(c)).map(|c| c.name.as_str()).collect()
    }

    /// Returns the statement that copies out the rows of a time range, or the whole state, in the
    /// order of the key. `topic` is the topic of the rows, for the log.
    pub(crate) async fn copy_out(
        &self,
        client: &Client,
        time: Range<Micros>,
        filter: Option<ValueFilter<'_>>,
        topic: Option<&str>,
    ) -> Result<String, DumpError> {
        let (all, texts, key) =
            (self.names(|_| true), self.names(|c| c.sql_type == SqlType::Other), self.key_names());
        let (column, type_name, values) = match filter {
            Some(ValueFilter { column, type_name, values }) => {
                (Some(column), Some(type_name), Some(values))
            }
            None => (None, None, None),
        };
        let params: [Param<'_>; 12] = [
            (&self.schema, Type::TEXT),
            (&self.name, Type::TEXT),
            (&all, Type::TEXT_ARRAY),
            (&texts, Type::TEXT_ARRAY),
            (&key, Type::TEXT_ARRAY),
            (&self.day, Type::TEXT),
            (&time.start, Type::TIMESTAMPTZ),
            (&time.end, Type::TIMESTAMPTZ),
            (&column, Type::TEXT),
            (&type_name, Type::TEXT),
            (&values, Type::TEXT_ARRAY),
            (&topic, Type::TEXT),
        ];
        let rows = client.query_typed(include_str!("sql/copy_out_statement.sql"), &params).await?;
        Ok(first(&rows)?.try_get("statement")?)
    }

    /// Returns the statements that copy rows into the table.
    pub(crate) async fn copy_in(&self, client: &Client) -> Result<CopyIn, DumpError> {
        let (all, texts) = (self.names(|_| true), self.names(|c| c.sql_type == SqlType::Other));
        let types: Vec<&str> = self.columns.iter().map(|c| c.type_name.as_str()).collect();
        let params: [Param<'_>; 5] = [
            (&self.schema, Type::TEXT),
            (&self.name, Type::TEXT),
            (&all, Type::TEXT_ARRAY),
            (&types, Type::TEXT_ARRAY),
            (&texts, Type::TEXT_ARRAY),
        ];
        let rows = client.query_typed(include_str!("sql/copy_in_statements.sql"), &params).await?;
        let row = first(&rows)?;
        if self.model == LOG {
            return Ok(CopyIn {
                before: Some(log::BEGIN_RESTORE.to_owned()),
                copy: row.try_get("copy_to_temporary")?,
                after: Some(log::END_RESTORE.to_owned()),
            });
        }
        Ok(CopyIn {
            before: row.try_get("before_copy")?,
            copy: row.try_get("copy")?,
            after: row.try_get("after_copy")?,
        })
    }

    /// Returns whether the table has a row of the day, or any row for a state.
    pub(crate) async fn has_rows(&self, client: &Client, day: UtcDay) -> Result<bool, DumpError> {
        let Range { start, end } = bounds(day);
        let params: [Param<'_>; 5] = [
            (&self.schema, Type::TEXT),
            (&self.name, Type::TEXT),
            (&self.day, Type::TEXT),
            (&start, Type::TIMESTAMPTZ),
            (&end, Type::TIMESTAMPTZ),
        ];
        let rows = client.query_typed(include_str!("sql/has_rows_statement.sql"), &params).await?;
        let statement: String = first(&rows)?.try_get("statement")?;
        let rows = client.query_typed(&statement, &[]).await?;
        Ok(first(&rows)?.try_get("has_rows")?)
    }
}

/// The topic is a column of the log's files and not of its rows, which have the stream. So a reader
/// that does not know the folders of the topics has it, too.
fn topic_column() -> TableColumn {
    TableColumn {
        name: "topic".to_owned(),
        type_name: "text".to_owned(),
        sql_type: SqlType::Text,
        nullable: false,
    }
}

/// Returns the begin and the end of a day.
pub(crate) fn bounds(day: UtcDay) -> Range<Micros> {
    Micros(day.begin_micros())..Micros(day.begin_micros() + DAY_MICROS)
}
