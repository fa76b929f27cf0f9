//! The connections of this process, and the function for transactions.

use std::{future::Future, sync::Arc, time::Duration};

use tokio::{
    runtime::Handle,
    sync::{Semaphore, SemaphorePermit},
    task::JoinSet,
};
use tokio_postgres::types::Type;

use crate::{
    Connection, DatabaseConfig, ReaderConfig, StoreError, Tx,
    connect::Connector,
    event_types::{EventTypes, UnknownTypes},
};

/// Begins a transaction that writes. Its commit is on disk before success is reported, regardless
/// of the server's settings.
pub const BEGIN: &str = include_str!("sql/begin.sql");

/// The most retries of a transaction after transient errors.
const RETRIES: u32 = 3;
/// The first wait before a retry. Each further wait is twice as long.
const BACKOFF: Duration = Duration::from_millis(50);

/// The database. Cheap to clone.
#[derive(Clone)]
pub struct Store(Arc<StoreInner>);

struct StoreInner {
    connector: Connector,
    /// The runtime that opens and drives borrowed connections. Several callers use a connection in
    /// turn, and the runtime of the first caller may be busy or gone when another caller uses it.
    driver_runtime: Option<Handle>,
    idle: std::sync::Mutex<Vec<Connection>>,
    permits: Semaphore,
    wait_limit: Duration,
}

/// A connection of the store. Call [`give_back`](Self::give_back) when its transaction ended well;
/// a dropped connection closes.
pub(crate) struct BorrowedConnection<'s> {
    connection: Option<Connection>,
    inner: &'s StoreInner,
    _permit: SemaphorePermit<'s>,
}

impl Store {
    /// Checks the settings and does not connect. The current runtime will drive the connections.
    pub fn new(config: &DatabaseConfig) -> Result<Self, StoreError> {
        let permits = Semaphore::new(config.database_connections.into());
        Ok(Self(Arc::new(StoreInner {
            connector: Connector::new(config)?,
            driver_runtime: Handle::try_current().ok(),
            idle: std::sync::Mutex::default(),
            permits,
            wait_limit: config.connect_limit(),
        })))
    }

    /// Works as [`new`](Self::new), for the reader of a database, if there is one.
    pub fn of_reader(
        reader: &ReaderConfig,
        database: &DatabaseConfig,
    ) -> Result<Option<Self>, StoreError> {
        reader.of(database).as_ref().map(Self::new).transpose()
    }

    /// Opens a separate connection, which does not count towards the limit: for migrations and long
    /// reads.
    pub async fn connect(&self) -> Result<Connection, StoreError> {
        self.0.connector.connect().await
    }

    /// As [`connect`](Self::connect), but takes an idle connection if there is one. It may be
    /// broken, so only work that is tried again may use it.
    pub async fn connect_or_take(&self) -> Result<Connection, StoreError> {
        match self.take_idle() {
            Some(connection) => Ok(connection),
            None => self.connect().await,
        }
    }

    fn take_idle(&self) -> Option<Connection> {
        // The mutex guards a plain list and is never held across an await or a panic.
        self.0.idle.lock().ok().and_then(|mut idle| {
            idle.retain(|c| !c.client().is_closed());
            idle.pop()
        })
    }

    /// Returns whether connections must not keep any state, such as settings or prepared
    /// statements, because a pooler shares them.
    pub fn is_pooled(&self) -> bool {
        self.0.connector.is_pooled()
    }

    /// Checks whether the database answers. The connection is kept.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let connection = self.acquire().await?;
        connection.client().batch_execute("-- ping\nSELECT 1").await?;
        connection.give_back();
        Ok(())
    }

    /// Closes the idle connections. After one connection was found broken, for example after a thaw
    /// or a failover, the others usually are, too.
    pub(crate) fn forget_idle(&self) {
        if let Ok(mut idle) = self.0.idle.lock() {
            idle.clear();
        }
    }

    pub(crate) async fn acquire(&self) -> Result<BorrowedConnection<'_>, StoreError> {
        let inner = &*self.0;
        let permit = tokio::time::timeout(inner.wait_limit, inner.permits.acquire()).await;
        let permit = permit
            .map_err(|_| StoreError::Timeout("waiting for a free connection"))?
            .expect("the semaphore is never closed");
        let connection = match self.take_idle() {
            Some(connection) => connection,
            None => self.connect_on_driver_runtime().await?,
        };
        Ok(BorrowedConnection { connection: Some(connection), inner, _permit: permit })
    }

    async fn connect_on_driver_runtime(&self) -> Result<Connection, StoreError> {
        let Some(runtime) = &self.0.driver_runtime else { return self.connect().await };
        let store = self.clone();
        // The set is dropped when the caller stops waiting, which cancels the task. The permit is
        // then free for another caller.
        let mut attempt = JoinSet::new();
        attempt.spawn_on(async move { store.connect().await }, runtime);
        let connected = attempt.join_next().await.expect("one task was spawned");
        connected.unwrap_or_else(|error| Err(StoreError::Connect(error.to_string())))
    }

    /// Runs `work` in a transaction. The write path of batches and migrations begin their own
    /// transactions; all other code uses this function.
    ///
    /// The transaction is READ COMMITTED, durable, named in logs, and committed when `work` returns
    /// `Ok`. It is retried after transient errors (40001, 40P01, a broken connection …), so `work`
    /// may run more than once.
    pub async fn transaction<T, F, R>(&self, name: &'static str, work: F) -> Result<T, StoreError>
    where
        F: Fn(Tx) -> R,
        R: Future<Output = Result<T, StoreError>>,
    {
        let mut backoff = BACKOFF;
        for attempt in 0.. {
            match self.transaction_once(&work).await {
                Err(error) if error.is_transient() && attempt < RETRIES => {
                    tracing::warn!(transaction = name, %error, attempt, "transient error, retrying \
                        the transaction");
                    self.forget_idle();
                    tokio::time::sleep(backoff).await;
                    backoff *= 2;
                }
                other => return other,
            }
        }
        unreachable!("the loop ends by returning")
    }

    async fn transaction_once<T, F, R>(&self, work: &F) -> Result<T, StoreError>
    where
        F: Fn(Tx) -> R,
        R: Future<Output = Result<T, StoreError>>,
    {
        let connection = self.acquire().await?;
        connection.client().batch_execute(BEGIN).await?;
        match work(connection.tx()).await {
            Ok(value) => {
                // Every earlier statement was awaited, so the transaction is not aborted at this
                // COMMIT.
                connection.client().batch_execute("COMMIT").await?;
                connection.give_back();
                Ok(value)
            }
            Err(error) => {
                if connection.client().batch_execute("ROLLBACK").await.is_ok() {
                    connection.give_back();
                }
                Err(error)
            }
        }
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Store")
    }
}

impl BorrowedConnection<'_> {
    pub(crate) fn client(&self) -> &tokio_postgres::Client {
        self.connection().client()
    }

    /// Returns the transaction that was begun on this connection.
    pub(crate) fn tx(&self) -> Tx {
        Tx::new(self.connection().shared_client())
    }

    fn connection(&self) -> &Connection {
        self.connection.as_ref().expect("it holds its connection until it is given back")
    }

    /// Returns a prepared statement, with one round trip per connection.
    ///
    /// It is for statements of every batch: planning them again costs a small batch a tenth of its
    /// time. A pooler in transaction mode must support named statements.
    pub(crate) async fn prepared(
        &mut self,
        sql: &'static str,
        types: &[Type],
    ) -> Result<tokio_postgres::Statement, StoreError> {
        if let Some(statement) = self.connection().prepared.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.client().prepare_typed(sql, types).await?;
        if let Some(connection) = &mut self.connection {
            connection.prepared.insert(sql, statement.clone());
        }
        Ok(statement)
    }

    /// Returns the numbers of types, with one round trip per connection.
    pub(crate) async fn event_types(&mut self) -> Result<Arc<EventTypes>, StoreError> {
        if let Some(types) = &self.connection().event_types {
            return Ok(types.clone());
        }
        let types = EventTypes::read(self.client()).await?;
        if let Some(connection) = &mut self.connection {
            connection.event_types = Some(types.clone());
        }
        Ok(types)
    }

    /// Gives numbers to the types of a batch that have none, after its `COMMIT`. Returns whether
    /// the connection can be used further.
    ///
    /// An error is only logged: the batch is stored, and the next one tries again.
    pub(crate) async fn learn(&mut self, unknown: &UnknownTypes) -> bool {
        let client = self.connection().shared_client();
        let types = self.connection.as_mut().and_then(|connection| connection.event_types.as_mut());
        let Some(types) = types else { return true };
        let learned = types.learn(&client, unknown).await;
        if let Err(error) = &learned {
            tracing::warn!(%error, "types of events got no number and are stored as text");
        }
        learned.is_ok()
    }

    /// Keeps the connection for the next caller. Behind a pooler the connection closes: COPY names
    /// its statement, and RDS Proxy then pins a server connection to this one until it closes.
    pub(crate) fn give_back(mut self) {
        if self.inner.connector.is_pooled() {
            return;
        }
        if let (Some(connection), Ok(mut idle)) = (self.connection.take(), self.inner.idle.lock()) {
            idle.push(connection);
        }
    }
}
