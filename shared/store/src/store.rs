//! The connections of this process, and the one way to begin a transaction.

use std::{future::Future, sync::Arc, time::Duration};

use tokio::{
    runtime::Handle,
    sync::{Semaphore, SemaphorePermit},
    task::JoinSet,
};
use tokio_postgres::types::Type;

use crate::{Connection, DatabaseConfig, StoreError, Tx, connect::Connector};

/// Begins a transaction that writes: what it commits is on disk before anybody hears of it,
/// whatever the server's settings say.
pub const BEGIN: &str = include_str!("sql/begin.sql");

/// How often a transaction that failed for a passing reason is tried again.
const RETRIES: u32 = 3;
/// The first wait before a retry; each next one is twice as long.
const BACKOFF: Duration = Duration::from_millis(50);

/// The database. Cheap to clone.
#[derive(Clone)]
pub struct Store(Arc<StoreInner>);

struct StoreInner {
    connector: Connector,
    /// Where borrowed connections are made and driven: several callers use one in turn, and the
    /// runtime of the first may be busy or gone when the next one has it.
    driver_runtime: Option<Handle>,
    idle: std::sync::Mutex<Vec<Connection>>,
    permits: Semaphore,
    wait_limit: Duration,
}

/// A connection of the store. [`give_back`](Self::give_back) it when its transaction ended well;
/// dropped, it closes.
pub(crate) struct BorrowedConnection<'s> {
    connection: Option<Connection>,
    inner: &'s StoreInner,
    _permit: SemaphorePermit<'s>,
}

impl Store {
    /// Checks the settings; does not connect. The runtime that this is called in drives the
    /// connections.
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

    /// A connection of the caller's own, outside the count: for migrations and long reads.
    pub async fn connect(&self) -> Result<Connection, StoreError> {
        self.0.connector.connect().await
    }

    /// Whether nothing may be left on a connection, neither a setting nor a prepared statement: a
    /// pooler gives it to others.
    pub fn is_pooled(&self) -> bool {
        self.0.connector.is_pooled()
    }

    /// Whether the database answers; the connection is kept for later.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let connection = self.acquire().await?;
        connection.client().batch_execute("-- ping\nSELECT 1").await?;
        connection.give_back();
        Ok(())
    }

    /// Closes the connections that wait: one was found broken, and after a thaw or a failover so
    /// are the others.
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
        // The mutex guards a plain list and is never held across an await or a panic.
        let idle = inner.idle.lock().ok().and_then(|mut idle| {
            idle.retain(|c| !c.client().is_closed());
            idle.pop()
        });
        let connection = match idle {
            Some(connection) => connection,
            None => self.connect_on_driver_runtime().await?,
        };
        Ok(BorrowedConnection { connection: Some(connection), inner, _permit: permit })
    }

    async fn connect_on_driver_runtime(&self) -> Result<Connection, StoreError> {
        let Some(runtime) = &self.0.driver_runtime else { return self.connect().await };
        let store = self.clone();
        // Dropped with the set when the caller stops waiting: the permit is another's then.
        let mut attempt = JoinSet::new();
        attempt.spawn_on(async move { store.connect().await }, runtime);
        let connected = attempt.join_next().await.expect("one task was spawned");
        connected.unwrap_or_else(|error| Err(StoreError::Connect(error.to_string())))
    }

    /// The one way to a transaction: READ COMMITTED, durable, named in logs, committed when `work`
    /// ends well, tried again on transient errors (40001, 40P01, a broken connection …), so `work`
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
                    tracing::warn!(transaction = name, %error, attempt, "trying the transaction again");
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
                // Every statement before it was awaited, so this COMMIT is of a transaction that
                // lives.
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

    /// The transaction that was begun on it.
    pub(crate) fn tx(&self) -> Tx {
        Tx::new(self.connection().shared_client())
    }

    fn connection(&self) -> &Connection {
        self.connection.as_ref().expect("it holds its connection until it is given back")
    }

    /// A prepared statement: one round trip, once per connection. For what every batch runs:
    /// planning it again costs a small batch a tenth of its time. A pooler in transaction mode must
    /// know named statements.
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

    /// Keeps the connection for the next one. Behind a pooler it closes: COPY gives its statement a
    /// name, and RDS Proxy then reserves a connection for this one until it is gone.
    pub(crate) fn give_back(mut self) {
        if self.inner.connector.is_pooled() {
            return;
        }
        if let (Some(connection), Ok(mut idle)) = (self.connection.take(), self.inner.idle.lock()) {
            idle.push(connection);
        }
    }
}
