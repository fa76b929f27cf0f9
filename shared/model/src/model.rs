//! What a model is: it decodes records of its topics and owns a projection.

use postgres_types::{ToSql, Type};

use crate::{Micros, Outcome, Record, Topics, listing::Listing, sample::Sample};

/// Days since 1970-01-01, UTC.
pub type DayNumber = i32;

/// How a model's projection relates to time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProjectionKind {
    /// Nothing but the log (`events`).
    Log,
    /// Rows that belong to a day of their own time (`readings`): dumped by that day.
    Series,
    /// Rows that are the current state of something (`builds`): dumped as a snapshot.
    State,
}

/// The table that a model is dumped from and restored into. Its columns, their types and its
/// primary key, which is the order of the rows in a dump, are read from the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Table {
    /// The schema, where it is not the core's own.
    pub schema: Option<&'static str>,
    /// The name.
    pub name: &'static str,
    /// The `timestamptz` column that says to which UTC day a row belongs; `None` for current state,
    /// which is dumped as a whole.
    pub day: Option<&'static str>,
}

/// One forward step of a schema.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// 1, 2, 3 … within its owner.
    pub version: i32,
    /// `snake_case`, says what it makes.
    pub name: &'static str,
    /// Plain SQL; runs in one transaction.
    pub sql: &'static str,
}

/// One kind of event.
pub trait Model: Send + Sync + 'static {
    /// The name: in `--topics`, in the API's path, in the dump's folder. Lower case,
    /// `[a-z][a-z0-9_]*`.
    fn name(&self) -> &'static str;

    /// How the projection relates to time.
    fn kind(&self) -> ProjectionKind;

    /// An empty collector of typed rows for one batch. `topics` holds the settings of each topic.
    fn rows<'a>(&'a self, topics: &'a Topics) -> Box<dyn Rows<'a> + 'a>;

    /// The tables of the projection, so that a rebuild can empty them first: a statement that
    /// deletes every row. `None` when there is no projection.
    fn clear(&self) -> Option<&'static str>;

    /// The tables of the projection by name, the main one first: the one that the others can be
    /// computed from.
    fn tables(&self) -> &'static [&'static str] {
        &[]
    }

    /// The topic that is bound to the model by default. `None` for a model that is bound only on
    /// request.
    fn default_topic(&self) -> Option<&'static str> {
        None
    }

    /// How `GET /v1/{model}` lists the projection. `None` when the log is all that it has: the list
    /// is then that of its events.
    fn listing(&self) -> Option<Listing> {
        None
    }

    /// The table that is dumped. By default it has the model's name, and a series its days in
    /// `timestamp`; `None` when the log is all that the model has. A model with several tables
    /// dumps the one that the others can be computed from.
    fn table(&self) -> Option<Table> {
        let schema = (!self.migrations().is_empty()).then(|| self.name());
        let day = match self.kind() {
            ProjectionKind::Log => return None,
            ProjectionKind::Series => Some("timestamp"),
            ProjectionKind::State => None,
        };
        Some(Table { schema, name: self.name(), day })
    }

    /// A model from outside this workspace brings its own tables; they are made in a schema of the
    /// model's name. Those of the built-in models are part of the core's history.
    fn migrations(&self) -> &'static [Migration] {
        &[]
    }

    /// Records to fill a new data folder with, as they would be produced at `now`.
    fn samples(&self, now: Micros) -> Vec<Sample>;
}

/// Typed rows of one batch of one model: filled by decoding, emptied into SQL.
pub trait Rows<'a>: Send + Sync {
    /// Decides what a record with a JSON value is. `json` is the value as text, known to be UTF-8
    /// and otherwise unchecked. Never panics. A row for the projection is kept, and named in the
    /// event.
    fn decode(&mut self, record: &Record<'a>, json: &'a str) -> Outcome<'a>;

    /// A record without a value: a delete for models that have one, else a skip.
    fn tombstone(&mut self, _record: &Record<'a>) -> Outcome<'a> {
        Outcome::Skip("the value is null".into())
    }

    /// The statements that bring the projection up to date with the chosen rows, sorted by key and
    /// de-duplicated, so that no statement meets a key twice and two writers never deadlock.
    fn upsert<'s>(&'s self, chosen: &[Chosen]) -> Vec<Statement<'s>>;

    /// The chosen rows as COPY into the projection's table, sorted by key and de-duplicated as in
    /// [`upsert`](Self::upsert): half the server's work, but it ends in a unique violation when one
    /// of the keys is there already; everything is then rolled back and upserted. `None` for a
    /// model whose keys mostly exist already.
    fn copy_new(&self, _chosen: &[Chosen]) -> Option<Copy> {
        None
    }

    /// The statements of [`upsert`](Self::upsert) for the model's other tables: they follow the
    /// rows that [`copy_new`](Self::copy_new) copies.
    fn secondary_upserts<'s>(&'s self, _chosen: &[Chosen]) -> Vec<Statement<'s>> {
        Vec::new()
    }

    /// The days of a [`ProjectionKind::Series`] that the chosen rows may change, sorted, each once.
    fn days(&self, _chosen: &[Chosen]) -> Vec<DayNumber> {
        Vec::new()
    }
}

/// A record's position in the total order, which decides after the model's own rank and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The record's timestamp, milliseconds.
    pub timestamp_ms: i64,
    /// The stream's short id.
    pub stream: i32,
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
}

/// A row that shall reach the projection.
#[derive(Debug, Clone, Copy)]
pub struct Chosen {
    /// The row's number, as [`crate::Event::row`] named it.
    pub row: u32,
    /// Its record's place in the total order.
    pub at: Position,
}

/// Rows for a COPY in binary format.
#[derive(Debug)]
pub struct Copy {
    /// `COPY … FROM STDIN (FORMAT binary)`; begins with its name as a comment.
    pub sql: &'static str,
    /// The data, header and end included.
    pub data: bytes::Bytes,
}

/// One SQL statement with typed parameters, run unnamed so that it works behind any pooler.
pub struct Statement<'a> {
    /// Begins with its name as a comment.
    pub sql: &'static str,
    /// In the order of `$1`, `$2` …
    pub params: Vec<(Box<dyn ToSql + Sync + Send + 'a>, Type)>,
    /// How many rows it asks to write: fewer written means that the projection had newer ones.
    pub rows: usize,
}

impl<'a> Statement<'a> {
    /// A statement without parameters.
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
