//! Combines lookups by key into batches: keys that arrive while a query runs share the next query.
//!
//! So a busy server queries the database less often, and an idle server queries at once. No answer
//! is older than its request.

use std::{
    collections::HashMap,
    hash::Hash,
    ops::Deref,
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::{FutureExt, future::BoxFuture};
use tokio::sync::oneshot;
use tokio_postgres::{Row, types::Type};
use uuid::Uuid;
use weir_store::StoreError;

use super::{ReadConnection, ReadError};

/// The most keys of one query.
const KEYS_MAX: usize = 256;

/// Looks up keys and returns the found values by key. A key without a value is left out.
type Ask<K, T> =
    Box<dyn Fn(Vec<K>) -> BoxFuture<'static, Result<HashMap<K, T>, ReadError>> + Send + Sync>;

/// Loads a `T` by its key. Cheap to clone.
pub struct BatchLoader<K, T>(Arc<Shared<K, T>>);

struct Shared<K, T> {
    ask: Ask<K, T>,
    waiting: Mutex<Waiting<K, T>>,
}

/// Sends the answer to a caller that waits for it.
type Tell<T> = oneshot::Sender<Result<Option<T>, Failed>>;

struct Waiting<K, T> {
    asked: Vec<(K, Tell<T>)>,
    /// Whether a task is running that answers them.
    under_way: bool,
}

/// An error that all callers of a batch share. A [`ReadError`] cannot be cloned, so its class and
/// text are copied.
#[derive(Clone)]
enum Failed {
    Passing(String),
    TooLarge(usize),
    Other(String),
}

impl<K, T> Clone for BatchLoader<K, T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K: Eq + Hash + Clone + Send + 'static, T: Clone + Send + 'static> BatchLoader<K, T> {
    /// Creates a loader that queries with this function. The function gets each key once.
    pub fn new(
        ask: impl Fn(Vec<K>) -> BoxFuture<'static, Result<HashMap<K, T>, ReadError>>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        let waiting = Mutex::new(Waiting { asked: Vec::new(), under_way: false });
        Self(Arc::new(Shared { ask: Box::new(ask), waiting }))
    }

    /// Returns the value of the key; `None` when there is none.
    pub async fn find(&self, key: K) -> Result<Option<T>, ReadError> {
        let (tell, told) = oneshot::channel();
        let begin = {
            let mut waiting = self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            waiting.asked.push((key, tell));
            !std::mem::replace(&mut waiting.under_way, true)
        };
        if begin {
            // The query runs in a separate task: this request may be cancelled, and other requests
            // wait for the same query.
            tokio::spawn(Asking { loader: self.clone(), done: false }.run());
        }
        match told.await {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(failed)) => Err(failed.into()),
            Err(_) => Err(StoreError::Transient(
                "the read that this request shares with other requests was cancelled".into(),
            )
            .into()),
        }
    }
}

impl From<Failed> for ReadError {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Passing(why) => StoreError::Transient(why).into(),
            Failed::TooLarge(bytes_max) => Self::PageTooLarge { bytes_max },
            Failed::Other(why) => StoreError::Internal(why).into(),
        }
    }
}

impl From<ReadError> for Failed {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::PageTooLarge { bytes_max } => Self::TooLarge(bytes_max),
            ReadError::Store(error) if error.is_transient() => Self::Passing(error.to_string()),
            ReadError::Store(error) => Self::Other(error.to_string()),
        }
    }
}

/// A row of the result of a query.
#[derive(Clone)]
pub struct FoundRow {
    rows: Arc<Vec<Row>>,
    at: usize,
}

impl Deref for FoundRow {
    type Target = Row;

    fn deref(&self) -> &Row {
        &self.rows[self.at]
    }
}

/// Creates a loader of rows by the UUID in their column `key`. The statement takes an array of
/// UUIDs as `$1`.
pub fn row_loader(
    connection: &ReadConnection,
    sql: &'static str,
    key: &'static str,
) -> BatchLoader<Uuid, FoundRow> {
    let connection = connection.clone();
    BatchLoader::new(move |keys: Vec<Uuid>| {
        let connection = connection.clone();
        async move {
            let rows = Arc::new(connection.rows(sql, &[(&keys, Type::UUID_ARRAY)]).await?);
            let found = |(at, row): (usize, &Row)| {
                Ok((row.try_get(key)?, FoundRow { rows: rows.clone(), at }))
            };
            rows.iter().enumerate().map(found).collect()
        }
        .boxed()
    })
}

/// Runs queries until no key waits.
struct Asking<K, T> {
    loader: BatchLoader<K, T>,
    /// Whether the task ended normally. Afterwards a new task may own the waiting keys.
    done: bool,
}

impl<K: Eq + Hash + Clone + Send + 'static, T: Clone + Send + 'static> Asking<K, T> {
    async fn run(mut self) {
        loop {
            // Requests that are ready to run can add their keys to this batch.
            tokio::task::yield_now().await;
            let batch = {
                let mut waiting =
                    self.loader.0.waiting.lock().unwrap_or_else(PoisonError::into_inner);
                let count = waiting.asked.len().min(KEYS_MAX);
                if count == 0 {
                    waiting.under_way = false;
                    self.done = true;
                    return;
                }
                waiting.asked.drain(..count).collect::<Vec<_>>()
            };
            let mut keys: Vec<K> = Vec::with_capacity(batch.len());
            for (key, _) in &batch {
                if !keys.contains(key) {
                    keys.push(key.clone());
                }
            }
            let several = keys.len() > 1;
            match (self.loader.0.ask)(keys).await {
                Ok(found) => {
                    for (key, tell) in batch {
                        drop(tell.send(Ok(found.get(&key).cloned())));
                    }
                }
                // The rows of all keys together are too large. The rows of one key may still fit.
                Err(ReadError::PageTooLarge { .. }) if several => {
                    for (key, tell) in batch {
                        let found = (self.loader.0.ask)(vec![key.clone()]).await;
                        drop(tell.send(
                            found.map(|found| found.get(&key).cloned()).map_err(Failed::from),
                        ));
                    }
                }
                Err(error) => {
                    let failed = Failed::from(error);
                    for (_, tell) in batch {
                        drop(tell.send(Err(failed.clone())));
                    }
                }
            }
        }
    }
}

impl<K, T> Drop for Asking<K, T> {
    fn drop(&mut self) {
        // This runs after a panic and when the runtime ends. All waiting callers get an error, and
        // the next call starts a new task.
        if !self.done {
            let mut waiting = self.loader.0.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            waiting.under_way = false;
            waiting.asked.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        time::Duration,
    };

    use futures_util::future::join_all;

    use super::*;

    /// A loader that doubles even numbers, has no value for odd ones, fails for 13, and counts its
    /// queries.
    fn doubling(asked: &Arc<AtomicUsize>) -> BatchLoader<u32, u32> {
        let asked = asked.clone();
        BatchLoader::new(move |keys: Vec<u32>| {
            asked.fetch_add(1, Ordering::Relaxed);
            async move {
                tokio::time::sleep(Duration::from_millis(20)).await;
                assert!(!keys.contains(&99), "a bug");
                if keys.contains(&13) {
                    return Err(StoreError::Timeout("13").into());
                }
                if keys.len() > 1 && keys.contains(&1000) {
                    return Err(ReadError::PageTooLarge { bytes_max: 1 });
                }
                Ok(keys
                    .into_iter()
                    .filter(|key| key.is_multiple_of(2))
                    .map(|key| (key, key * 2))
                    .collect())
            }
            .boxed()
        })
    }

    #[tokio::test]
    async fn who_comes_meanwhile_shares_the_next_question() {
        let asked = Arc::new(AtomicUsize::new(0));
        let loader = doubling(&asked);
        let found = join_all((0..50).map(|n| loader.find(n % 10))).await;
        for (n, found) in (0..50).zip(found) {
            let key: u32 = n % 10;
            assert_eq!(found.expect("answered"), key.is_multiple_of(2).then_some(key * 2));
        }
        let before = asked.load(Ordering::Relaxed);
        assert!(before <= 2, "{before}");
        assert_eq!(loader.find(4).await.expect("answered"), Some(8));
        assert_eq!(
            asked.load(Ordering::Relaxed),
            before + 1,
            "an idle loader sends a new query at once"
        );
    }

    /// A task that starts while another one ends must not lose its keys to it.
    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn ends_and_beginnings_do_not_meet() {
        let loader: BatchLoader<u32, u32> = BatchLoader::new(|keys: Vec<u32>| {
            async move { Ok(keys.into_iter().map(|key| (key, key)).collect()) }.boxed()
        });
        let clients = (0..8_u32).map(|n| {
            let loader = loader.clone();
            tokio::spawn(async move {
                for _ in 0..5_000 {
                    assert_eq!(loader.find(n).await.expect("answered"), Some(n));
                }
            })
        });
        join_all(clients)
            .await
            .into_iter()
            .for_each(|client| client.expect("each client has an answer"));
    }

    #[tokio::test]
    async fn a_failure_is_everybodys_and_passes() {
        let loader = doubling(&Arc::default());
        let failed = join_all([13, 2, 4].map(|n| loader.find(n))).await;
        assert!(
            failed
                .iter()
                .all(|found| matches!(found, Err(ReadError::Store(error)) if error.is_transient()))
        );
        assert_eq!(loader.find(2).await.expect("answered"), Some(4));
        let apart = join_all([6, 1000, 8].map(|n| loader.find(n))).await;
        assert_eq!(
            apart.into_iter().map(|found| found.expect("answered")).collect::<Vec<_>>(),
            [Some(12), Some(2000), Some(16)]
        );
    }

    #[tokio::test]
    async fn after_a_lost_client_or_a_panic_the_others_get_answers() {
        let loader = doubling(&Arc::default());
        tokio::time::timeout(Duration::from_millis(5), loader.find(2)).await.expect_err("left");
        assert_eq!(loader.find(4).await.expect("answered"), Some(8));
        loader.find(99).await.expect_err("it panicked");
        assert_eq!(loader.find(4).await.expect("answered"), Some(8));
    }
}
