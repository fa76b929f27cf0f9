//! The errors of the database and of the store.

use anyhow::Chain;
use tokio_postgres::error::{DbError, SqlState};
use weir_model::ErrorClass;

/// An error of the store. [`is_transient`](Self::is_transient) and [`is_data`](Self::is_data)
/// decide between "fail the batch" and "isolate the record".
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database answered with an error, or the connection broke.
    #[error("{}", describe(.0))]
    Database(#[from] tokio_postgres::Error),
    /// The database refused a new connection, for example its password.
    #[error("the database at {address} refused the connection: {}", describe(.error))]
    ConnectRefused {
        /// The addresses of the servers, `host:port`, several with commas.
        address: String,
        /// The answer of the database.
        error: tokio_postgres::Error,
    },
    /// No connection could be opened.
    #[error("cannot connect to the database: {0}")]
    Connect(String),
    /// A time limit was reached.
    #[error("{0} timed out")]
    Timeout(&'static str),
    /// The coordinates are already stored with a different record.
    #[error(
        "{topic}-{partition} offset {offset} is already stored with different content; the topic \
            was probably recreated: check the topic, then run `weir topic reset {topic}` to begin \
            a new stream"
    )]
    Contradiction {
        /// The name of the topic.
        topic: String,
        /// The number of the partition.
        partition: i32,
        /// The first contradicting offset.
        offset: i64,
    },
    /// A contradiction of the partition is stored, and the topic was not reset since. The text
    /// names the offsets, the reason and the remedy.
    #[error("{0}")]
    NotReset(String),
    /// Another transaction began a new epoch of the stream between the lock and the read. A retry
    /// sees the new epoch.
    #[error("the stream was reset during this transaction; a retry reads the new epoch")]
    StreamChanged,
    /// A plugin returned an error, for one event or for all.
    #[error("plugin {name}: {error}")]
    Plugin {
        /// The name of the plugin.
        name: String,
        /// The error of the plugin.
        error: PluginError,
    },
    /// A transient error of work that several callers share; each caller gets its text.
    #[error("{0}")]
    Transient(String),
    /// A bug of the program.
    #[error("{0}")]
    Internal(String),
    /// A setting is wrong.
    #[error("{0}")]
    Setting(String),
    /// The schema is not the one that this program needs.
    #[error("{0}")]
    Schema(String),
    /// A migration failed.
    #[error("the migration of {owner} failed: {reason}")]
    Migration {
        /// `core`, or the model's or plugin's name.
        owner: &'static str,
        /// The reason.
        reason: String,
    },
    /// The request cannot be done. The text is the reason.
    #[error("{0}")]
    Refused(String),
    /// Archived records of the log cannot be read. The text names the file.
    #[error("{0}")]
    Archive(String),
}

/// The reason why a plugin failed.
#[derive(Debug, thiserror::Error)]
pub enum PluginError {
    /// One event can never be applied. It is stored in `failures` with this reason, and the other
    /// events are stored.
    #[error("{reason}")]
    Event {
        /// The index of the event in the slice that `apply` got.
        index: usize,
        /// One line for people.
        reason: String,
    },
    /// The database returned an error; its SQLSTATE decides whether an event is the cause.
    #[error("{}", describe(.0))]
    Database(#[from] tokio_postgres::Error),
    /// A transient error: the batch fails as a whole, and Kafka keeps it.
    #[error("{0}")]
    Passing(String),
    /// The plugin does not support this operation. The text is the reason.
    #[error("{0}")]
    Refused(String),
}

impl StoreError {
    /// Returns whether this is a data error: at least one of the rows is the cause. The batch is
    /// then bisected.
    pub fn is_data(&self) -> bool {
        match self {
            Self::Database(error) | Self::Plugin { error: PluginError::Database(error), .. } => {
                is_data(error)
            }
            Self::Plugin { error: PluginError::Event { .. }, .. } => true,
            _ => false,
        }
    }

    /// Returns the class of a data error, for grouping: `failures.error_class`.
    pub(crate) fn class(&self) -> String {
        match self {
            Self::Database(error) | Self::Plugin { error: PluginError::Database(error), .. }
                if is_index_limit(error) =>
            {
                ErrorClass::TooLong.name().to_owned()
            }
            Self::Plugin { name, .. } => format!("{}{name}", ErrorClass::Plugin.name()),
            Self::Database(database) => {
                let state = database.code().map_or("", |code| code.code());
                format!("{}{state}", ErrorClass::DatabaseState.name())
            }
            _ => ErrorClass::Database.name().to_owned(),
        }
    }

    /// Returns the cause of a refusal as a text. The text is the same for all records that were
    /// refused for the same reason.
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

    /// Returns whether a key already exists.
    pub(crate) fn is_unique_violation(&self) -> bool {
        matches!(self, Self::Database(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION))
    }

    /// Returns whether this is an outage: the database is unavailable or refuses every statement.
    ///
    /// Other transient errors may concern the rows of one topic only, for example a lock or a batch
    /// that takes too long.
    pub fn is_outage(&self) -> bool {
        match self {
            Self::Database(error)
            | Self::ConnectRefused { error, .. }
            | Self::Plugin { error: PluginError::Database(error), .. } => is_outage(error),
            Self::Connect(_) => true,
            _ => false,
        }
    }

    /// Returns whether a retry with a new connection may succeed.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Database(error)
            | Self::ConnectRefused { error, .. }
            | Self::Plugin { error: PluginError::Database(error), .. } => is_passing(error),
            Self::Plugin { error: PluginError::Passing(_), .. }
            | Self::Connect(_)
            | Self::Timeout(_)
            | Self::StreamChanged
            | Self::Transient(_) => true,
            _ => false,
        }
    }
}

/// SQLSTATE classes 22 and 23 except "no partition", and 54000, 54001.
fn is_data(error: &tokio_postgres::Error) -> bool {
    let Some(db) = error.as_db_error() else { return false };
    let code = db.code();
    let limit =
        *code == SqlState::PROGRAM_LIMIT_EXCEEDED || *code == SqlState::STATEMENT_TOO_COMPLEX;
    (matches!(code.code().get(..2), Some("22" | "23")) && !is_no_partition(db)) || limit
}

/// Returns whether an index refused an entry of this length. The error then names the index; other
/// limits of the server do not.
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

/// Returns whether the log has no table for the month of a row. The SQLSTATE is that of a check
/// violation, and only the routine that raised the error distinguishes the two. The row is not the
/// cause; an operator must create the month.
fn is_no_partition(db: &DbError) -> bool {
    *db.code() == SqlState::CHECK_VIOLATION && db.routine() == Some("ExecFindPartition")
}

/// Transient: 08 connection, 40 rollback, 53 resources, 55 not in the state, 57 operator, 58
/// system, 25006 read-only, and every error that is not an answer of the database. Also 25P03, idle
/// in the transaction for too long, because the process or the network was suspended.
fn is_passing(error: &tokio_postgres::Error) -> bool {
    let Some(code) = error.code() else { return true };
    let by_state =
        [SqlState::READ_ONLY_SQL_TRANSACTION, SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT];
    matches!(code.code().get(..2), Some("08" | "40" | "53" | "55" | "57" | "58"))
        || by_state.contains(code)
}

/// Outage: 08 connection, 53 resources, 57 operator except a cancelled statement, 58 system, 25006
/// read-only, and every error that is not an answer of the database.
fn is_outage(error: &tokio_postgres::Error) -> bool {
    let Some(code) = error.code() else { return true };
    let is_cancelled = *code == SqlState::QUERY_CANCELED;
    !is_cancelled
        && (matches!(code.code().get(..2), Some("08" | "53" | "57" | "58"))
            || *code == SqlState::READ_ONLY_SQL_TRANSACTION)
}

/// Returns one line with the database's message and its SQLSTATE, without the DETAIL, which quotes
/// rows.
pub fn describe(error: &tokio_postgres::Error) -> String {
    if let Some(db) = error.as_db_error() {
        let place = db.constraint().map(|c| format!(", constraint {c}")).unwrap_or_default();
        let remedy = if is_no_partition(db) {
            ": run `weir migrate`, which creates the log's tables for the next months"
        } else {
            ""
        };
        return format!("{} (SQLSTATE {}{place}){remedy}", db.message(), db.code().code());
    }
    causes(error)
}

/// Returns one line with the error and its causes, down to the database's message.
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
