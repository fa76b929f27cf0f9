//! The handler's interface, and one call of it.

use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, mpsc::Sender},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::FutureExt;
use tokio::runtime::Handle;
use weir_store::{OpenedGap, ReadRange};

use super::status::{InvocationGuard, SharedStatus};

/// The reason why an invocation failed, as one line for the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct InvokeError {
    text: String,
    is_outage: bool,
}

impl InvokeError {
    /// Creates an error from the error's text. A batch of several topics is retried topic by topic.
    pub fn new(error: impl std::fmt::Display) -> Self {
        Self { text: error.to_string(), is_outage: false }
    }

    /// Creates an error that concerns every topic, such as a database that is away. The whole batch
    /// is retried.
    pub fn outage(error: impl std::fmt::Display) -> Self {
        Self { text: error.to_string(), is_outage: true }
    }

    /// Returns whether the error concerns every topic.
    pub(super) fn is_outage(&self) -> bool {
        self.is_outage
    }
}

/// A function that handles one event.
#[async_trait]
pub trait Invoke: Send + Sync + 'static {
    /// Handles `event`, the JSON that Lambda would send, within `time_left`.
    ///
    /// `read` has the ranges that were read. They contain no other records than those of the event,
    /// which may have none.
    ///
    /// `Ok` means that every record is stored, and the poller commits their offsets. The returned
    /// gaps are read again. After `Err`, or when the time is up and the future is dropped, the same
    /// records are sent again.
    async fn invoke(
        &self,
        event: Bytes,
        read: &[ReadRange],
        time_left: Duration,
    ) -> Result<Vec<OpenedGap>, InvokeError>;
}

pub(super) type InvokeOutcome = Result<Vec<OpenedGap>, InvokeError>;

/// Calls the handler on the runtime, and sends the outcome to a worker's thread.
pub(super) struct Invoker {
    pub handler: Arc<dyn Invoke>,
    pub runtime: Handle,
    pub time_limit: Duration,
    pub outcomes: Sender<InvokeOutcome>,
    pub shared: Arc<SharedStatus>,
}

impl Invoker {
    /// Starts one invocation. Exactly one outcome follows, in every case.
    pub(super) fn start(&self, event: Bytes, read: Vec<ReadRange>) {
        let (handler, limit) = (Arc::clone(&self.handler), self.time_limit);
        let answer = OutcomeSender {
            outcomes: Some(self.outcomes.clone()),
            _busy: InvocationGuard::new(&self.shared),
        };
        self.runtime.spawn(async move {
            let call = AssertUnwindSafe(handler.invoke(event, &read, limit)).catch_unwind();
            answer.send(match tokio::time::timeout(limit, call).await {
                Ok(Ok(outcome)) => outcome,
                Ok(Err(_)) => Err(InvokeError::new("the handler panicked")),
                Err(_) => Err(InvokeError::new(format_args!(
                    "the handler did not end within {} s",
                    limit.as_secs_f32()
                ))),
            });
        });
    }
}

/// Sends exactly one outcome. The worker waits for it without a timeout, so a task that is dropped
/// with its runtime must send one too.
struct OutcomeSender {
    outcomes: Option<Sender<InvokeOutcome>>,
    _busy: InvocationGuard,
}

impl OutcomeSender {
    fn send(mut self, outcome: InvokeOutcome) {
        if let Some(outcomes) = self.outcomes.take() {
            let _ = outcomes.send(outcome);
        }
    }
}

impl Drop for OutcomeSender {
    fn drop(&mut self) {
        if let Some(outcomes) = self.outcomes.take() {
            let _ = outcomes.send(Err(InvokeError::outage("the runtime was shut down")));
        }
    }
}
