//! One connection that all reads of a thread share.
//!
//! Queries are pipelined: they are sent without waiting for the answers to earlier ones. When the
//! connection breaks, the next read replaces it.

use std::{
    collections::HashMap,
    pin::pin,
    sync::{Arc, RwLock},
    time::Duration,
};

use futures_util::TryStreamExt;
use tokio::{sync::Mutex, time::Instant};
use tokio_postgres::{
    Row, RowStream, Statement,
    error::SqlState,
    types::{ToSql, Type},
};
use weir_store::{Connection, Store, StoreError};

use super::PerThread;

/// A parameter and its type.
pub type SqlParam<'a> = (&'a (dyn ToSql + Sync), Type);

/// The timeout of a read, in seconds.
pub const READ_SECONDS_MAX: u64 = 25;
/// The most bytes in the rows of an answer.
const PAGE_BYTES_MAX: usize = 32 * 1024 * 1024;

/// A client that reads. Cheap to clone; clones share the connections, one for each serving thread.
#[derive(Clone)]
pub struct ReadConnection(Arc<Shared>);

struct Shared {
    store: Store,
    /// The statement that a new connection runs first.
    settings: &'static str,
    own: PerThread<Own>,
}

/// The state of a thread.
#[derive(Default)]
struct Own {
    /// The connection in use. Each running read also holds a reference to it, so replacing the
    /// connection does not disturb them.
    current: RwLock<Option<Arc<Current>>>,
    /// Locked while one caller connects; contains the last error of connecting.
    connecting: Mutex<Option<Failed>>,
}

/// A connection and its prepared statements. There are none behind a pooler, which may use another
/// server connection for each query.
struct Current {
    connection: Connection,
    prepared: Option<Prepared>,
}

/// Prepared statements by their text.
type Prepared = RwLock<HashMap<&'static str, Statement>>;

struct Failed {
    at: Instant,
    why: String,
}

/// The reason why rows were not read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The page is larger than the memory that the server allows for a read.
    #[error("the requested rows have more than {bytes_max} bytes")]
    PageTooLarge {
        /// The limit in bytes.
        bytes_max: usize,
    },
    /// An error of the database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<tokio_postgres::Error> for ReadError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Store(error.into())
    }
}

impl ReadConnection {
    /// Creates a reader of the database. It connects with the first read.
    pub fn new(store: Store) -> Self {
        Self::with(store, "")
    }

    /// Creates a reader for lists. The filters of a list are optional, so each query is planned for
    /// its own parameters.
    pub fn of_lists(store: Store) -> Self {
        Self::with(store, "SET plan_cache_mode = force_custom_plan")
    }

    /// Creates a reader for rows by their keys. One plan serves any number of keys, so queries are
    /// not planned again.
    pub fn of_keys(store: Store) -> Self {
        // The plan is kept while an empty month fills, so it must not scan that month.
        Self::with(
            store,
            "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET jit = off",
        )
    }

    /// Creates a reader for pages without filters, whose rows come from an index in their order.
    /// One plan serves all pages.
    ///
    /// Without these settings the planner plans each query again, which takes longer than the
    /// query: it does not know the limit, expects a tenth of all rows, and would sort them.
    pub fn of_pages(store: Store) -> Self {
        Self::with(
            store,
            "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; \
                SET enable_sort = off; SET jit = off",
        )
    }

    fn with(store: Store, settings: &'static str) -> Self {
        Self(Arc::new(Shared { store, settings, own: PerThread::new(Own::default) }))
    }

    /// Returns an error when the database does not answer.
    pub async fn ping(&self) -> Result<(), StoreError> {
        match self.rows("-- ping\nSELECT 1", &[]).await {
            Err(ReadError::Store(error)) => Err(error),
            _ => Ok(()),
        }
    }

    /// Returns whether the database accepts writes. A replica does not, nor does a database that an
    /// operator or a full disk made read-only.
    pub async fn is_writable(&self) -> Result<bool, ReadError> {
        let row = self.row(include_str!("is_writable.sql"), &[]).await?;
        Ok(row.is_some_and(|row| row.try_get("writable").unwrap_or(false)))
    }

    /// Returns the first row of a query; `None` when there is none.
    pub async fn row(
        &self,
        sql: &'static str,
        params: &[SqlParam<'_>],
    ) -> Result<Option<Row>, ReadError> {
        Ok(self.rows(sql, params).await?.into_iter().next())
    }

    /// Returns the rows of a query.
    pub async fn rows(
        &self,
        sql: &'static str,
        params: &[SqlParam<'_>],
    ) -> Result<Vec<Row>, ReadError> {
        let limit = Duration::from_secs(READ_SECONDS_MAX);
        tokio::time::timeout(limit, self.rows_or_again(sql, params)).await.unwrap_or_else(|_| {
            // The old connection may be stuck, so the next read must not wait for it.
            self.replace(None);
            Err(StoreError::Timeout("reading").into())
        })
    }

    /// Returns the rows of a query, with one retry on a new connection: a connection may break
    /// unnoticed between two reads.
    async fn rows_or_again(
        &self,
        sql: &'static str,
        params: &[SqlParam<'_>],
    ) -> Result<Vec<Row>, ReadError> {
        let connection = self.connection().await?;
        match rows_on(&connection, sql, params).await {
            Err(ReadError::Store(StoreError::Database(error))) if is_broken(&error) => {
                self.forget(&connection);
                rows_on(&*self.connection().await?, sql, params).await
            }
            other => other,
        }
    }

    /// Returns the shared connection, or connects. Only one caller connects at a time, and the
    /// callers that waited for it share its error.
    async fn connection(&self) -> Result<Arc<Current>, StoreError> {
        if let Some(connection) = self.current() {
            return Ok(connection);
        }
        let since = Instant::now();
        let mut failed = self.0.own.connecting.lock().await;
        if let Some(connection) = self.current() {
            return Ok(connection);
        }
        if let Some(Failed { why, .. }) = failed.as_ref().filter(|f| f.at >= since) {
            return Err(StoreError::Connect(why.clone()));
        }
        match self.connect().await {
            Ok(connection) => {
                let prepared = (!self.0.store.is_pooled()).then(RwLock::default);
                let connection = Arc::new(Current { connection, prepared });
                self.replace(Some(connection.clone()));
                Ok(connection)
            }
            Err(error) => {
                // The caller that connects gets the error itself; waiting callers get only its
                // text.
                *failed = Some(Failed { at: Instant::now(), why: reason(&error) });
                Err(error)
            }
        }
    }

    async fn connect(&self) -> Result<Connection, StoreError> {
        let connection = self.0.store.connect().await?;
        if !self.0.settings.is_empty() && !self.0.store.is_pooled() {
            connection.client().batch_execute(self.0.settings).await?;
        }
        Ok(connection)
    }

    fn current(&self) -> Option<Arc<Current>> {
        let current = self.0.own.current.read().ok()?;
        current.as_ref().filter(|c| !c.connection.client().is_closed()).cloned()
    }

    /// Removes this connection, unless another one has replaced it.
    fn forget(&self, broken: &Arc<Current>) {
        if let Ok(mut current) = self.0.own.current.write()
            && current.as_ref().is_some_and(|c| Arc::ptr_eq(c, broken))
        {
            *current = None;
        }
    }

    fn replace(&self, connection: Option<Arc<Current>>) {
        if let Ok(mut current) = self.0.own.current.write() {
            *current = connection;
        }
    }
}

impl std::fmt::Debug for ReadConnection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ReadConnection")
    }
}

impl Current {
    async fn ask(
        &self,
        sql: &'static str,
        params: &[SqlParam<'_>],
    ) -> Result<RowStream, tokio_postgres::Error> {
        let client = self.connection.client();
        match &self.prepared {
            Some(known) => {
                let statement = self.prepared(known, sql, params).await?;
                client.query_raw(&statement, params.iter().map(|(value, _)| *value)).await
            }
            None => {
                client
                    .query_typed_raw(sql, params.iter().map(|(value, kind)| (*value, kind.clone())))
                    .await
            }
        }
    }

    /// Returns the prepared statement. The first call on this connection prepares it.
    async fn prepared(
        &self,
        known: &Prepared,
        sql: &'static str,
        params: &[SqlParam<'_>],
    ) -> Result<Statement, tokio_postgres::Error> {
        if let Some(statement) = known.read().ok().and_then(|known| known.get(sql).cloned()) {
            return Ok(statement);
        }
        let types: Vec<Type> = params.iter().map(|(_, kind)| kind.clone()).collect();
        let statement = self.connection.client().prepare_typed(sql, &types).await?;
        if let Ok(mut known) = known.write() {
            known.insert(sql, statement.clone());
        }
        Ok(statement)
    }
}

/// Returns the text for [`StoreError::Connect`], which puts its own words before it.
fn reason(error: &StoreError) -> String {
    match error {
        StoreError::Connect(reason) => reason.clone(),
        other => other.to_string(),
    }
}

async fn rows_on(
    current: &Current,
    sql: &'static str,
    params: &[SqlParam<'_>],
) -> Result<Vec<Row>, ReadError> {
    let mut stream = pin!(current.ask(sql, params).await?);
    let mut rows = Vec::new();
    let mut bytes = 0;
    while let Some(row) = stream.try_next().await? {
        bytes += row.raw_size_bytes();
        if bytes > PAGE_BYTES_MAX {
            return Err(ReadError::PageTooLarge { bytes_max: PAGE_BYTES_MAX });
        }
        rows.push(row);
    }
    Ok(rows)
}

/// Returns whether the server ended the connection, so that a read can be repeated on a new one.
fn is_broken(error: &tokio_postgres::Error) -> bool {
    // FEATURE_NOT_SUPPORTED: a migration changed the columns of a prepared statement, which has to
    // be prepared again.
    const AGAIN: [SqlState; 3] =
        [SqlState::ADMIN_SHUTDOWN, SqlState::CRASH_SHUTDOWN, SqlState::FEATURE_NOT_SUPPORTED];
    // A pooler reports a lost server connection with class 08.
    error.code().is_none_or(|code| AGAIN.contains(code) || code.code().starts_with("08"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_that_share_an_error_get_the_text_of_the_first_one() {
        let error = StoreError::Connect("the secret cannot be fetched".into());
        assert_eq!(StoreError::Connect(reason(&error)).to_string(), error.to_string());
    }
}
