//! Collects the log events of a piece of work.

use std::{
    io::{Result, Write},
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use serde_json::Value;
use tracing::{Dispatch, instrument::WithSubscriber, subscriber::NoSubscriber};

/// A second subscriber, so that a log line is never kept as unwanted.
///
/// tracing-core 0.1.36 caches for each log line whether a subscriber wants it. If a process has
/// only one subscriber, it asks only the thread that logs the line first. If that thread belongs to
/// a test without a subscriber, no thread logs the line any more. If a process has two subscribers,
/// it asks both.
static SECOND: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(NoSubscriber::new()));

/// Returns every event that is logged while `work` runs, each as a JSON value, in order.
///
/// # Panics
/// When a line is not JSON, which is a bug of the formatter.
pub async fn logged(work: impl Future<Output = ()>) -> Vec<Value> {
    LazyLock::force(&SECOND);
    let kept = Kept::default();
    let writer = kept.clone();
    let log = tracing_subscriber::fmt()
        .json()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    work.with_subscriber(log).await;
    let text = kept.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    serde_json::Deserializer::from_slice(&text)
        .into_iter()
        .collect::<serde_json::Result<_>>()
        .expect("JSON")
}

#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}
