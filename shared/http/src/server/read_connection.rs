//! One connection that all reads of a thread share. Questions are sent without waiting for the
//! answers to those before (pipelined), and a broken connection is replaced by the next read that
//! needs one.

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

/// A read that took longer is given up.
pub const READ_SECONDS_MAX: u64 = 25;
/// An answer with more bytes in its rows is given up.
const PAGE_BYTES_MAX: usize = 32 * 1024 * 1024;

/// A client that reads. Cheap to clone; clones share the connection, but each thread that serves
/// requests has one of its own.
#[derive(Clone)]
pub struct ReadConnection(Arc<Shared>);

struct Shared {
    store: Store,
    /// What a new connection is told first.
    settings: &'static str,
    own: PerThread<Own>,
}

/// What a thread has.
#[derive(Default)]
struct Own {
    /// The connection in use. Whoever reads holds it too, so that replacing it here disturbs
    /// nobody.
    current: RwLock<Option<Arc<Current>>>,
    /// Held while connecting, by one at a time; keeps the last failure.
    connecting: Mutex<Option<Failed>>,
}

/// A connection, and what was prepared on it; nothing behind a pooler, which gives each question
/// another.
struct Current {
    connection: Connection,
    prepared: Option<Prepared>,
}

/// Statements by their text.
type Prepared = RwLock<HashMap<&'static str, Statement>>;

struct Failed {
    at: Instant,
    why: String,
}

/// Why rows were not read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The page would be larger than a server can hold for everyone.
    #[error("the rows asked for are more than {bytes_max} bytes")]
    PageTooLarge {
        /// The limit.
        bytes_max: usize,
    },
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<tokio_postgres::Error> for ReadError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Store(error.into())
    }
}

impl ReadConnection {
    /// A reader of that database. Connects with the first read.
    pub fn new(store: Store) -> Self {
        Self::with(store, "")
    }

    /// A reader of lists: their filters may be there or not, so each query is planned for its own
    /// parameters.
    pub fn of_lists(store: Store) -> Self {
        Self::with(store, "SET plan_cache_mode = force_custom_plan")
    }

    /// A reader of rows by their keys: one plan is good for however many are asked for, and none is
    /// made for each question.
    pub fn of_keys(store: Store) -> Self {
        Self::with(store, "SET plan_cache_mode = force_generic_plan")
    }

    fn with(store: Store, settings: &'static str) -> Self {
        Self(Arc::new(Shared { store, settings, own: PerThread::new(Own::default) }))
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        match self.rows("-- ping\nSELECT 1", &[]).await {
            Err(ReadError::Store(error)) => Err(error),
            _ => Ok(()),
        }
    }

    /// Whether the database takes writes: a replica, and one that an operator or a full disk made
    /// read-only, does not.
    pub async fn is_writable(&self) -> Result<bool, ReadError> {
        let row = self.row(include_str!("is_writable.sql"), &[]).await?;
        Ok(row.is_some_and(|row| row.try_get("writable").unwrap_or(false)))
    }

    /// The first row of a query, if there is one.
    pub async fn row(
        &self,
        sql: &'static str,
        params: &[SqlParam<'_>],
    ) -> Result<Option<Row>, ReadError> {
        Ok(self.rows(sql, params).await?.into_iter().next())
    }

    /// The rows of a query.
    pub async fn rows(
        &self,
        sql: &'static str,
        params: &[SqlParam<'_>],
    ) -> Result<Vec<Row>, ReadError> {
        let limit = Duration::from_secs(READ_SECONDS_MAX);
        tokio::time::timeout(limit, self.rows_or_again(sql, params)).await.unwrap_or_else(|_| {
            // Whatever is stuck there: the next read shall not stand behind it.
            self.replace(None);
            Err(StoreError::Timeout("reading").into())
        })
    }

    /// A connection breaks unnoticed between two reads, so a read that finds it broken tries once
    /// more on a new one.
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

    /// The shared connection, made if need be. One caller connects; those who waited for it share
    /// its failure.
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
                // What is no passing trouble keeps its own kind for the one who met it.
                *failed = Some(Failed { at: Instant::now(), why: error.to_string() });
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

    /// No longer hands out this connection, if it still does.
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

    /// The statement, prepared with the first call on this connection.
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

/// The server went, or sent us away; a read can be asked again on a new connection.
fn is_broken(error: &tokio_postgres::Error) -> bool {
    // A migration changed what a prepared statement gives: it has to be prepared anew.
    const AGAIN: [SqlState; 3] =
        [SqlState::ADMIN_SHUTDOWN, SqlState::CRASH_SHUTDOWN, SqlState::FEATURE_NOT_SUPPORTED];
    // Class 08 is a pooler's word for a server that it lost.
    error.code().is_none_or(|code| AGAIN.contains(code) || code.code().starts_with("08"))
}
