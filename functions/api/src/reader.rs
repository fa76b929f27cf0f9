//! One connection that all reads of a thread share. Questions are sent without waiting for the answers to those before
//! (pipelined), and a broken connection is replaced by the next read that needs one.

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

use crate::{ApiError, per_thread::PerThread};

/// A parameter and its type.
pub(crate) type Param<'a> = (&'a (dyn ToSql + Sync), Type);

/// A read that took longer is given up.
pub(crate) const READ_SECONDS_MAX: u64 = 25;
/// An answer with more bytes in its rows is given up.
pub(crate) const PAGE_BYTES_MAX: usize = 32 * 1024 * 1024;

/// A client that reads. Cheap to clone; clones share the connection, but each thread that serves requests has one of its own.
#[derive(Clone)]
pub struct Reader(Arc<Shared>);

struct Shared {
    store: Store,
    /// What a new connection is told first.
    settings: &'static str,
    own: PerThread<Own>,
}

/// What a thread has.
#[derive(Default)]
struct Own {
    /// The connection in use. Whoever reads holds it too, so that replacing it here disturbs nobody.
    current: RwLock<Option<Arc<Current>>>,
    /// Held while connecting, by one at a time; keeps the last failure.
    connecting: Mutex<Option<Failed>>,
}

/// A connection, and what was prepared on it; nothing behind a pooler, which gives each question another.
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

impl Reader {
    /// A reader of that database. Connects with the first read.
    pub fn new(store: Store) -> Self {
        Self::with(store, "")
    }

    /// A reader of lists: their filters may be there or not, so each query is planned for its own parameters.
    pub(crate) fn of_lists(store: Store) -> Self {
        Self::with(store, "SET plan_cache_mode = force_custom_plan")
    }

    /// A reader of rows by their keys: one plan is good for however many are asked for, and none is made for each question.
    pub(crate) fn of_keys(store: Store) -> Self {
        Self::with(store, "SET plan_cache_mode = force_generic_plan")
    }

    fn with(store: Store, settings: &'static str) -> Self {
        Self(Arc::new(Shared { store, settings, own: PerThread::new(Own::default) }))
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        match self.rows("-- ping\nSELECT 1", &[]).await {
            Err(ApiError::Store(error)) => Err(error),
            _ => Ok(()),
        }
    }

    /// The first row of a query, if there is one.
    pub(crate) async fn row(&self, sql: &'static str, params: &[Param<'_>]) -> Result<Option<Row>, ApiError> {
        Ok(self.rows(sql, params).await?.into_iter().next())
    }

    /// The rows of a query.
    pub(crate) async fn rows(&self, sql: &'static str, params: &[Param<'_>]) -> Result<Vec<Row>, ApiError> {
        let limit = Duration::from_secs(READ_SECONDS_MAX);
        tokio::time::timeout(limit, self.rows_or_again(sql, params)).await.unwrap_or_else(|_| {
            // Whatever is stuck there: the next read shall not stand behind it.
            self.replace(None);
            Err(StoreError::Timeout("reading").into())
        })
    }

    /// A connection breaks unnoticed between two reads, so a read that finds it broken tries once more on a new one.
    async fn rows_or_again(&self, sql: &'static str, params: &[Param<'_>]) -> Result<Vec<Row>, ApiError> {
        let connection = self.connection().await?;
        match rows_on(&connection, sql, params).await {
            Err(ApiError::Store(StoreError::Database(error))) if is_broken(&error) => {
                self.forget(&connection);
                rows_on(&*self.connection().await?, sql, params).await
            }
            other => other,
        }
    }

    /// The shared connection, made if need be. One caller connects; those who waited for it share its failure.
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

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Reader")
    }
}

impl Current {
    async fn ask(&self, sql: &'static str, params: &[Param<'_>]) -> Result<RowStream, tokio_postgres::Error> {
        let client = self.connection.client();
        match &self.prepared {
            Some(known) => {
                let statement = self.prepared(known, sql, params).await?;
                client.query_raw(&statement, params.iter().map(|(value, _)| *value)).await
            }
            None => client.query_typed_raw(sql, params.iter().map(|(value, kind)| (*value, kind.clone()))).await,
        }
    }

    /// The statement, prepared with the first call on this connection.
    async fn prepared(&self, known: &Prepared, sql: &'static str, params: &[Param<'_>]) -> Result<Statement, tokio_postgres::Error> {
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

async fn rows_on(current: &Current, sql: &'static str, params: &[Param<'_>]) -> Result<Vec<Row>, ApiError> {
    let mut stream = pin!(current.ask(sql, params).await?);
    let mut rows = Vec::new();
    let mut bytes = 0;
    while let Some(row) = stream.try_next().await? {
        bytes += row.raw_size_bytes();
        if bytes > PAGE_BYTES_MAX {
            return Err(ApiError::PageTooLarge { bytes_max: PAGE_BYTES_MAX });
        }
        rows.push(row);
    }
    Ok(rows)
}

/// The server went, or sent us away; a read can be asked again on a new connection.
fn is_broken(error: &tokio_postgres::Error) -> bool {
    // A migration changed what a prepared statement gives: it has to be prepared anew.
    const AGAIN: [SqlState; 3] = [SqlState::ADMIN_SHUTDOWN, SqlState::CRASH_SHUTDOWN, SqlState::FEATURE_NOT_SUPPORTED];
    // Class 08 is a pooler's word for a server that it lost.
    error.code().is_none_or(|code| AGAIN.contains(code) || code.code().starts_with("08"))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use axum::http::StatusCode;
    use futures_util::future::join_all;
    use weir_testkit::{Crashable, PATIENCE, eventually};

    use super::*;
    use crate::world::{World, store_at};

    const PID: &str = "-- pid\nSELECT pg_backend_pid(), pg_sleep(0.05)::text";

    async fn pid(reader: &Reader) -> i32 {
        reader.row(PID, &[]).await.expect("answers").expect("a row").get(0)
    }

    #[tokio::test]
    async fn all_reads_share_one_connection() {
        let world = World::new().await;
        let reader = Reader::new(world.store());
        let pids: HashSet<i32> = join_all((0..20).map(|_| pid(&reader))).await.into_iter().collect();
        assert_eq!(pids.len(), 1);
    }

    #[tokio::test]
    async fn a_connection_that_was_cut_is_replaced_unnoticed() {
        let world = World::new().await;
        let reader = Reader::new(world.store());
        let first = pid(&reader).await;
        let client = world.client().await;
        client.execute("SELECT pg_terminate_backend($1, 5000)", &[&first]).await.expect("ended");
        let second = pid(&reader).await;
        assert_ne!(first, second);
        // In the middle of a question, too.
        client.execute("SELECT pg_advisory_lock(1)", &[]).await.expect("locked");
        let third = reader.row("-- waits\nSELECT pg_backend_pid(), pg_advisory_xact_lock(1)::text", &[]);
        let cut = async {
            let waits = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
                AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
            let asked = async || client.query_opt(waits, &[]).await.ok()??.try_get::<_, i32>(0).ok();
            let pid = eventually(PATIENCE, asked).await.expect("it waits");
            client.execute("SELECT pg_terminate_backend($1, 5000)", &[&pid]).await.expect("ended");
            client.execute("SELECT pg_advisory_unlock(1)", &[]).await.expect("unlocked");
            pid
        };
        let (third, cut) = tokio::join!(third, cut);
        assert_ne!(cut, third.expect("answers").expect("a row").get::<_, i32>(0));
    }

    #[tokio::test]
    async fn an_answer_that_is_too_large_is_given_up() {
        let world = World::new().await;
        let reader = Reader::new(world.store());
        let large = reader.rows("-- large\nSELECT repeat('x', 1000000) FROM generate_series(1, 40)", &[]).await;
        assert!(matches!(large, Err(ApiError::PageTooLarge { .. })));
        reader.ping().await.expect("the connection is whole");
    }

    #[tokio::test]
    async fn a_server_that_dies_and_comes_back() {
        let mut server = Crashable::start(false).await.expect("a server");
        server.create_database("crash").await.expect("made");
        let world = World::over(store_at(&server.url("crash"))).await;
        assert_eq!(world.get("/build").await.text(), "[]");
        server.kill_hard().await.expect("killed");
        let answers = join_all((0..10).map(|_| world.get("/build"))).await;
        for answer in &answers {
            answer.is_problem(StatusCode::SERVICE_UNAVAILABLE, "DATABASE_UNAVAILABLE");
            assert!(answer.headers.contains_key("retry-after"));
        }
        server.restart().await.expect("back");
        assert_eq!(world.get("/build").await.text(), "[]");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_server_that_restarts_under_load() {
        let mut server = Crashable::start(false).await.expect("a server");
        server.create_database("crash").await.expect("made");
        let world = Arc::new(World::over(store_at(&server.url("crash"))).await);
        let over = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let paths =
            ["/build", "/build/5a3b9c00-0000-4000-8000-0000000000ab", "/v1/events", "/v1/readings", "/v1/failures/count", "/api/status"];
        let clients = paths.map(|path| {
            let (world, over) = (world.clone(), over.clone());
            tokio::spawn(async move {
                let mut seen = HashSet::new();
                while !over.load(std::sync::atomic::Ordering::Relaxed) {
                    let begun = Instant::now();
                    let answer = world.get(path).await;
                    assert!(begun.elapsed() < Duration::from_secs(10), "{path} hung for {:?}", begun.elapsed());
                    assert!(answer.status != StatusCode::SERVICE_UNAVAILABLE || answer.headers.contains_key("retry-after"));
                    seen.insert(answer.status);
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                seen
            })
        });
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_millis(200)).await;
            server.kill_hard().await.expect("killed");
            tokio::time::sleep(Duration::from_millis(300)).await;
            server.restart().await.expect("back");
        }
        let back = async || (world.get("/v1/events").await.status == StatusCode::OK).then_some(());
        eventually(PATIENCE, back).await.expect("answers again");
        over.store(true, std::sync::atomic::Ordering::Relaxed);
        for client in clients {
            for status in client.await.expect("no client hung") {
                let expected = [StatusCode::OK, StatusCode::NOT_FOUND, StatusCode::SERVICE_UNAVAILABLE];
                assert!(expected.contains(&status), "{status}");
            }
        }
    }
}
