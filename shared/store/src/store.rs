//! Connections in hand, and the one door to a transaction.

use std::{future::Future, sync::Arc, time::Duration};

use tokio::{
    runtime::Handle,
    sync::{Semaphore, SemaphorePermit},
    task::JoinSet,
};
use tokio_postgres::types::Type;

use crate::{Connection, DatabaseConfig, StoreError, Tx, connect::Connector};

/// How often a transaction that failed for a passing reason is tried again.
const RETRIES: u32 = 3;
/// The first wait before a retry; each next one is twice as long.
const BACKOFF: Duration = Duration::from_millis(50);

/// The database. Cheap to clone.
#[derive(Clone)]
pub struct Store(Arc<Shared>);

struct Shared {
    connector: Connector,
    /// Where connections on loan are made and driven: they pass from hand to hand, and the runtime of whoever was the first may
    /// be busy or gone when the next one has them.
    home: Option<Handle>,
    idle: std::sync::Mutex<Vec<Connection>>,
    permits: Semaphore,
    wait_limit: Duration,
}

/// A connection on loan. [`give_back`](Self::give_back) it when its transaction ended well; dropped, it closes.
pub(crate) struct Loan<'s> {
    connection: Option<Connection>,
    shared: &'s Shared,
    _permit: SemaphorePermit<'s>,
}

impl Store {
    /// Checks the settings; does not connect. The runtime that this is called in drives the connections on loan.
    pub fn new(config: &DatabaseConfig) -> Result<Self, StoreError> {
        let permits = Semaphore::new(config.database_connections.into());
        Ok(Self(Arc::new(Shared {
            connector: Connector::new(config)?,
            home: Handle::try_current().ok(),
            idle: std::sync::Mutex::default(),
            permits,
            wait_limit: config.connect_limit(),
        })))
    }

    /// A connection of the caller's own, outside the count: for migrations and long reads.
    pub async fn connect(&self) -> Result<Connection, StoreError> {
        self.0.connector.connect().await
    }

    /// Whether nothing may be left on a connection, neither a setting nor a prepared statement: a pooler gives it to others.
    pub fn is_pooled(&self) -> bool {
        self.0.connector.is_pooled()
    }

    /// Connects once and keeps the connection for later; for a function's init phase.
    pub async fn warm_up(&self) -> Result<(), StoreError> {
        let loan = self.take().await?;
        loan.give_back();
        Ok(())
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let loan = self.take().await?;
        loan.client().batch_execute("-- ping\nSELECT 1").await?;
        loan.give_back();
        Ok(())
    }

    /// Closes the connections that wait: one was found broken, and after a thaw or a failover so are the others.
    pub(crate) fn forget_idle(&self) {
        if let Ok(mut idle) = self.0.idle.lock() {
            idle.clear();
        }
    }

    pub(crate) async fn take(&self) -> Result<Loan<'_>, StoreError> {
        let shared = &*self.0;
        let permit = tokio::time::timeout(shared.wait_limit, shared.permits.acquire()).await;
        let permit =
            permit.map_err(|_| StoreError::Timeout("waiting for a free connection"))?.map_err(|e| StoreError::Connect(e.to_string()))?;
        // The mutex guards a plain list and is never held across an await or a panic.
        let idle = shared.idle.lock().ok().and_then(|mut idle| {
            idle.retain(|c| !c.client().is_closed());
            idle.pop()
        });
        let connection = match idle {
            Some(connection) => connection,
            None => self.connect_at_home().await?,
        };
        Ok(Loan { connection: Some(connection), shared, _permit: permit })
    }

    async fn connect_at_home(&self) -> Result<Connection, StoreError> {
        let Some(home) = &self.0.home else { return self.connect().await };
        let store = self.clone();
        // Whoever waits no more takes the attempt along: its place is another's.
        let mut attempt = JoinSet::new();
        attempt.spawn_on(async move { store.connect().await }, home);
        match attempt.join_next().await {
            Some(Ok(connected)) => connected,
            Some(Err(error)) => Err(StoreError::Connect(error.to_string())),
            None => Err(StoreError::Connect("nobody connects".into())),
        }
    }

    /// The one door to a transaction: READ COMMITTED, named in logs, committed when `work` ends well, tried again
    /// on passing trouble (40001, 40P01, a broken connection …), so `work` may run more than once.
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
        let loan = self.take().await?;
        loan.client().batch_execute("BEGIN").await?;
        match work(loan.tx()).await {
            Ok(value) => {
                // Every statement before it was awaited, so this COMMIT is of a transaction that lives.
                loan.client().batch_execute("COMMIT").await?;
                loan.give_back();
                Ok(value)
            }
            Err(error) => {
                if loan.client().batch_execute("ROLLBACK").await.is_ok() {
                    loan.give_back();
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

impl Loan<'_> {
    pub(crate) fn client(&self) -> &tokio_postgres::Client {
        self.connection().client()
    }

    /// The transaction that was begun on it.
    pub(crate) fn tx(&self) -> Tx {
        Tx::new(self.connection().shared_client())
    }

    fn connection(&self) -> &Connection {
        self.connection.as_ref().expect("a loan holds its connection until it is given back")
    }

    /// A prepared statement: one round trip, once per connection. For what every batch runs: planning it anew costs a
    /// small batch a tenth of its time. A pooler in transaction mode must know named statements.
    pub(crate) async fn prepared(&mut self, sql: &'static str, types: &[Type]) -> Result<tokio_postgres::Statement, StoreError> {
        if let Some(statement) = self.connection().prepared.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.client().prepare_typed(sql, types).await?;
        if let Some(connection) = &mut self.connection {
            connection.prepared.insert(sql, statement.clone());
        }
        Ok(statement)
    }

    /// Keeps the connection for the next one. Behind a pooler it closes: COPY gives its statement a name, and RDS Proxy then keeps a
    /// connection of its own for this one until it is gone.
    pub(crate) fn give_back(mut self) {
        if self.shared.connector.is_pooled() {
            return;
        }
        if let (Some(connection), Ok(mut idle)) = (self.connection.take(), self.shared.idle.lock()) {
            idle.push(connection);
        }
    }
}
