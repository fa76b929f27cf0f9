//! The traits of models, and the types that their methods return.

use postgres_types::{ToSql, Type};

use crate::{Micros, Outcome, Record, Topics, listing::Listing, sample::Sample};

/// Days since 1970-01-01, UTC.
pub type DayNumber = i32;

/// How a model's projection relates to time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProjectionKind {
    /// Only the log (`events`).
    Log,
    /// Rows that belong to the day of their own time (`readings`). They are dumped by that day.
    Series,
    /// Rows that are the current state of something (`builds`). They are dumped as a snapshot.
    State,
}

/// The table that a model is dumped from and restored into. The dump reads the table's columns,
/// types and primary key from the database. The primary key is the order of the rows in a dump.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Table {
    /// The schema; `None` for the core's own schema.
    pub schema: Option<&'static str>,
    /// The name.
    pub name: &'static str,
    /// The `timestamptz` column that decides the UTC day of a row. `None` for current state, which
    /// is dumped as a whole.
    pub day: Option<&'static str>,
    /// The columns that give the order of the rows in a dump, instead of the primary key.
    pub order: Option<&'static [&'static str]>,
    /// A statement that runs after rows were loaded with COPY by `weir restore`. Its parameters are
    /// the begin and the end of the rows' day.
    pub after_restore: Option<&'static str>,
    /// A statement that deletes what belongs to rows that retention has removed. It has no
    /// parameters, and it runs again when nothing is left to delete.
    pub after_removal: Option<&'static str>,
}

/// One migration of a schema.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// 1, 2, 3 … for each owner.
    pub version: i32,
    /// `snake_case`, names the objects that the step creates.
    pub name: &'static str,
    /// Plain SQL, which runs in one transaction.
    pub sql: &'static str,
}

/// A model: decodes the records of its topics and owns a projection.
pub trait Model: Send + Sync + 'static {
    /// Returns the name, which is used in `--topics`, in the API's path and as the dump's folder.
    /// Lower case, `[a-z][a-z0-9_]*`.
    fn name(&self) -> &'static str;

    /// Returns how the projection relates to time.
    fn kind(&self) -> ProjectionKind;

    /// Returns an empty collector of typed rows for one batch. `topics` holds the settings of each
    /// topic.
    fn rows<'a>(&'a self, topics: &'a Topics) -> Box<dyn Rows<'a> + 'a>;

    /// Returns a statement that deletes every row of the projection's tables, for a rebuild. `None`
    /// when the model has no projection.
    fn clear(&self) -> Option<&'static str>;

    /// Returns the names of the projection's tables. The first is the main table, from which the
    /// others can be computed.
    fn tables(&self) -> &'static [&'static str] {
        &[]
    }

    /// Returns the topic that is bound to the model by default. `None` for a model that is bound
    /// only on request.
    fn default_topic(&self) -> Option<&'static str> {
        None
    }

    /// Returns how `GET /v1/{model}` lists the projection. `None` when the model has only the log.
    /// The list then shows the model's events.
    fn listing(&self) -> Option<Listing> {
        None
    }

    /// Returns the table that is dumped. `None` when the model has only the log.
    ///
    /// By default the table has the model's name, and a series has its days in the column
    /// `timestamp`. A model with several tables dumps the main table, from which the others can be
    /// computed.
    fn table(&self) -> Option<Table> {
        let schema = (!self.migrations().is_empty()).then(|| self.name());
        let day = match self.kind() {
            ProjectionKind::Log => return None,
            ProjectionKind::Series => Some("timestamp"),
            ProjectionKind::State => None,
        };
        Some(Table {
            schema,
            name: self.name(),
            day,
            order: None,
            after_restore: None,
            after_removal: None,
        })
    }

    /// Returns the migrations of a model from outside this workspace. They run in a schema with the
    /// model's name. The tables of the built-in models are part of the core's migrations.
    fn migrations(&self) -> &'static [Migration] {
        &[]
    }

    /// Returns records for a new data folder, as a producer would send them at `now`.
    fn samples(&self, now: Micros) -> Vec<Sample>;
}

/// Typed rows of one batch of one model. Decoding adds rows; `upsert` and `copy_new` turn them into
/// SQL.
pub trait Rows<'a>: Send + Sync {
    /// Decodes a record with a JSON value.
    ///
    /// `json` is the text of the value. It is valid UTF-8, but not yet checked to be JSON. For an
    /// event, the method keeps a row for the projection and puts the row's index into the event. It
    /// never panics.
    fn decode(&mut self, record: &Record<'a>, json: &'a str) -> Outcome<'a>;

    /// Decodes a record with a null value. The result is a delete for a model that has deletes,
    /// otherwise a skip.
    fn tombstone(&mut self, _record: &Record<'a>) -> Outcome<'a> {
        Outcome::Skip("the value is null".into())
    }

    /// Returns the statements that bring the projection up to date with the chosen rows. The rows
    /// are sorted by key and each key occurs once, so that no statement meets a key twice and two
    /// writers never deadlock.
    fn upsert<'s>(&'s self, chosen: &[Chosen]) -> Vec<Statement<'s>>;

    /// Returns the chosen rows as COPY into the projection's tables, sorted by key, each key once.
    ///
    /// COPY needs half of the server's work of [`upsert`](Self::upsert). It fails with a unique
    /// violation when one of the keys already exists. The store then rolls back the transaction and
    /// runs the upserts. A model that keeps its keys in a separate table copies them first.
    /// Empty for a model whose keys mostly exist already.
    fn copy_new(&self, _chosen: &[Chosen]) -> Vec<Copy> {
        Vec::new()
    }

    /// Returns the statements of [`upsert`](Self::upsert) for the model's other tables. They run
    /// after the COPY of [`copy_new`](Self::copy_new).
    fn secondary_upserts<'s>(&'s self, _chosen: &[Chosen]) -> Vec<Statement<'s>> {
        Vec::new()
    }

    /// Returns the days of a [`ProjectionKind::Series`] that the chosen rows may change, sorted,
    /// each once.
    fn days(&self, _chosen: &[Chosen]) -> Vec<DayNumber> {
        Vec::new()
    }
}

/// A record's position in the total order. It decides when the model's own rank and time are equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The record's timestamp, milliseconds.
    pub timestamp_ms: i64,
    /// The stream's short id.
    pub stream: i32,
    /// The partition of the record.
    pub partition: i32,
    /// The offset of the record.
    pub offset: i64,
}

/// A row that shall be written to the projection.
#[derive(Debug, Clone, Copy)]
pub struct Chosen {
    /// The row's index, as in [`crate::Event::row`].
    pub row: u32,
    /// The position of the row's record in the total order.
    pub at: Position,
}

/// Rows for a COPY in binary format.
#[derive(Debug)]
pub struct Copy {
    /// `COPY … FROM STDIN (FORMAT binary)`. It begins with the statement's name as a comment.
    pub sql: &'static str,
    /// The rows with the header and the end.
    pub data: bytes::Bytes,
}

/// One SQL statement with typed parameters. It runs unnamed, so that it works behind any connection
/// pooler.
pub struct Statement<'a> {
    /// The SQL. It begins with the statement's name as a comment.
    pub sql: &'static str,
    /// The parameters in the order of `$1`, `$2` …
    pub params: Vec<(Box<dyn ToSql + Sync + Send + 'a>, Type)>,
    /// How many rows the statement asks to write. PostgreSQL writes fewer when the projection has
    /// newer ones.
    pub rows: usize,
}

impl<'a> Statement<'a> {
    /// Returns a statement without parameters.
    pub fn new(sql: &'static str, rows: usize) -> Self {
        Self { sql, params: Vec::new(), rows }
    }

    /// Adds the next parameter.
    #[must_use]
    pub fn bind(mut self, value: impl ToSql + Sync + Send + 'a, kind: Type) -> Self {
        self.params.push((Box::new(value), kind));
        self
    }
}
