//! What can go wrong with the database, and what the caller can do about it.

use anyhow::Chain;
use tokio_postgres::error::{DbError, SqlState};
use weir_model::TOO_LONG;

/// An error of the store. [`is_transient`](Self::is_transient) and [`is_data`](Self::is_data)
/// decide between "fail the batch" and "isolate the record".
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database answered with an error, or the connection broke.
    #[error("{}", describe(.0))]
    Database(#[from] tokio_postgres::Error),
    /// No connection could be made.
    #[error("no connection to the database: {0}")]
    Connect(String),
    /// A time limit was reached.
    #[error("{0} took longer than it may")]
    Timeout(&'static str),
    /// Equal coordinates, other record.
    #[error(
        "{topic}-{partition} offset {offset} is stored with other content: the topic was made anew and its offsets began again; \
         if that is so, run `weir topic reset {topic}` and the batch goes through"
    )]
    Contradiction {
        /// Topic.
        topic: String,
        /// Partition.
        partition: i32,
        /// Offset.
        offset: i64,
    },
    /// Somebody made a new epoch of the stream between the lock and the read: begin again.
    #[error("the stream was reset meanwhile")]
    StreamChanged,
    /// A plugin refused, for one event or as a whole.
    #[error("plugin {name}: {error}")]
    Plugin {
        /// The plugin.
        name: String,
        /// What it said.
        error: PluginError,
    },
    /// A transient error of work that several callers share; each gets its text.
    #[error("{0}")]
    Transient(String),
    /// A fault of the program.
    #[error("{0}")]
    Internal(String),
    /// A setting is wrong.
    #[error("{0}")]
    Setting(String),
    /// The schema is not the one that this program needs.
    #[error("{0}")]
    Schema(String),
    /// A migration failed.
    #[error("migrating {owner}: {reason}")]
    Migration {
        /// `core`, or the model's or plugin's name.
        owner: &'static str,
        /// What failed.
        reason: String,
    },
    /// The caller asked for what cannot be done, with the reason.
    #[error("{0}")]
    Refused(String),
}

/// Why a plugin did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum PluginError {
    /// One event cannot be applied, ever: it goes to `failures` with this reason, and its
    /// neighbours are stored.
    #[error("{reason}")]
    Event {
        /// Its place in the slice that `apply` got.
        index: usize,
        /// One line for a person.
        reason: String,
    },
    /// The database refused; its SQLSTATE decides whether an event is to blame.
    #[error("{}", describe(.0))]
    Database(#[from] tokio_postgres::Error),
    /// Trouble that passes: the batch fails as a whole and Kafka keeps it.
    #[error("{0}")]
    Passing(String),
    /// It does not do this, with the reason.
    #[error("{0}")]
    Refused(String),
}

impl StoreError {
    /// A data error: at least one of the rows is to blame. The batch is bisected.
    pub fn is_data(&self) -> bool {
        match self {
            Self::Database(error) | Self::Plugin { error: PluginError::Database(error), .. } => {
                is_data(error)
            }
            Self::Plugin { error: PluginError::Event { .. }, .. } => true,
            _ => false,
        }
    }

    /// The kind of a data error, for grouping: `failures.error_class`.
    pub(crate) fn class(&self) -> String {
        match self {
            Self::Database(error) | Self::Plugin { error: PluginError::Database(error), .. }
                if is_index_limit(error) =>
            {
                TOO_LONG.to_owned()
            }
            Self::Plugin { name, .. } => format!("plugin_{name}"),
            Self::Database(database) => {
                format!("database_{}", database.code().map_or("", |c| c.code()))
            }
            _ => "database".to_owned(),
        }
    }

    /// Who refused a record, in words that are the same for all records that were refused for one
    /// reason.
    pub(crate) fn refused_by(&self) -> Option<String> {
        match self {
            Self::Database(error) => refused_by(error),
            Self::Plugin { name, error } => {
                let by_database =
                    if let PluginError::Database(error) = error { refused_by(error) } else { None };
                Some(
                    by_database.map_or_else(
                        || format!("plugin {name}"),
                        |by| format!("plugin {name}, {by}"),
                    ),
                )
            }
            _ => None,
        }
    }

    /// A key that is there already.
    pub(crate) fn is_unique_violation(&self) -> bool {
        matches!(self, Self::Database(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION))
    }

    /// An outage: the database is away, or refuses everything alike. Other transient errors may be
    /// about the rows of one topic: a lock that somebody holds, or a batch that takes too long.
    pub fn is_outage(&self) -> bool {
        match self {
            Self::Database(error) | Self::Plugin { error: PluginError::Database(error), .. } => {
                is_outage(error)
            }
            Self::Connect(_) => true,
            _ => false,
        }
    }

    /// A transient error: worth another try, with a new connection.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Database(error) | Self::Plugin { error: PluginError::Database(error), .. } => {
                is_passing(error)
            }
            Self::Plugin { error: PluginError::Passing(_), .. }
            | Self::Connect(_)
            | Self::Timeout(_)
            | Self::StreamChanged
            | Self::Transient(_) => true,
            _ => false,
        }
    }
}

/// SQLSTATE classes 22 and 23 but "no partition", and 54000, 54001 (DESIGN.md, data errors).
fn is_data(error: &tokio_postgres::Error) -> bool {
    let Some(db) = error.as_db_error() else { return false };
    let code = db.code();
    let limit =
        *code == SqlState::PROGRAM_LIMIT_EXCEEDED || *code == SqlState::STATEMENT_TOO_COMPLEX;
    (matches!(code.code().get(..2), Some("22" | "23")) && !is_no_partition(db)) || limit
}

/// An index that takes no entry of this length. That the limit is an index's, and not another of
/// the server's, its name tells.
fn is_index_limit(error: &tokio_postgres::Error) -> bool {
    error.as_db_error().is_some_and(|db| {
        *db.code() == SqlState::PROGRAM_LIMIT_EXCEEDED && db.constraint().is_some()
    })
}

fn refused_by(error: &tokio_postgres::Error) -> Option<String> {
    let db = error.as_db_error()?;
    let constraint =
        db.constraint().map(|constraint| format!(", constraint {constraint}")).unwrap_or_default();
    Some(format!("SQLSTATE {}{constraint}", db.code().code()))
}

/// A row that no month's table takes has the SQLSTATE of a check violation: an operator must make
/// the month, the row is not to blame. Only the routine that raised it tells the two apart.
fn is_no_partition(db: &DbError) -> bool {
    *db.code() == SqlState::CHECK_VIOLATION && db.routine() == Some("ExecFindPartition")
}

/// 08 connection, 40 rollback, 53 resources, 55 not in the state, 57 operator, 58 system, 25006
/// read-only, 25P03 idle in the transaction for too long (we were frozen, or the wire was), and
/// everything that is no answer of the database at all.
fn is_passing(error: &tokio_postgres::Error) -> bool {
    let Some(code) = error.code() else { return true };
    let by_state =
        [SqlState::READ_ONLY_SQL_TRANSACTION, SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT];
    matches!(code.code().get(..2), Some("08" | "40" | "53" | "55" | "57" | "58"))
        || by_state.contains(code)
}

/// 08 connection, 53 resources, 57 operator but a statement that was cancelled, 58 system, 25006
/// read-only, and everything that is no answer of the database at all.
fn is_outage(error: &tokio_postgres::Error) -> bool {
    let Some(code) = error.code() else { return true };
    let is_cancelled = *code == SqlState::QUERY_CANCELED;
    !is_cancelled
        && (matches!(code.code().get(..2), Some("08" | "53" | "57" | "58"))
            || *code == SqlState::READ_ONLY_SQL_TRANSACTION)
}

/// One line: what the database said and its SQLSTATE. Never the DETAIL, which quotes rows.
pub fn describe(error: &tokio_postgres::Error) -> String {
    if let Some(db) = error.as_db_error() {
        let place = db.constraint().map(|c| format!(", constraint {c}")).unwrap_or_default();
        let remedy = if is_no_partition(db) {
            ": run `weir migrate`, which makes the log's months ahead"
        } else {
            ""
        };
        return format!("{} (SQLSTATE {}{place}){remedy}", db.message(), db.code().code());
    }
    causes(error)
}

/// One line: the error and its causes, down to what the database said.
pub(crate) fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut said = Vec::new();
    for cause in Chain::new(error) {
        said.push(cause.to_string());
        if let Some(database) = cause
            .downcast_ref::<tokio_postgres::Error>()
            .filter(|error| error.as_db_error().is_some())
        {
            said.push(describe(database));
            break;
        }
    }
    said.join(": ")
}
