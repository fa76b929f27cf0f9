//! Starting and stopping the workers.

use std::{
    sync::{Arc, mpsc::channel},
    thread,
    time::Duration,
};

use rdkafka::consumer::{BaseConsumer, Consumer};
use tokio::{runtime::Handle, sync::mpsc, time::sleep};
use weir_kafka::BrokerError;

use super::{
    Invoke, PollerConfig, PollerStatus, StoredPositions,
    assignment::WorkerContext,
    batch::EventFrame,
    invoke::Invoker,
    starting::Starting,
    status::SharedStatus,
    topic_watch,
    unreadable::UnreadableCheck,
    worker::{Worker, WorkerLimits},
};

/// How often a stop looks whether the invocations have ended.
const BUSY_EVERY: Duration = Duration::from_millis(5);

/// How long the last commit and leaving the group may take. A broker that does not answer could
/// delay both for a minute; what is not committed comes again, and the group drops a member that
/// does not leave after the session's time.
pub const CLOSE_LIMIT: Duration = Duration::from_secs(10);

/// Starts pollers.
pub struct Poller;

impl Poller {
    /// Joins the group with every worker and begins to call `handler` on the current tokio runtime.
    ///
    /// Returns at once, also when the broker is away: the workers keep trying. Fails for properties
    /// that librdkafka refuses, and when a thread cannot be had.
    pub fn start(
        config: &PollerConfig,
        handler: &Arc<dyn Invoke>,
        stored: &Arc<dyn StoredPositions>,
    ) -> Result<PollerHandle, BrokerError> {
        let shared = Arc::new(SharedStatus::new(&config.bootstrap));
        // Made first: if a later worker cannot be had, this stops the earlier ones.
        let (open, closed) = mpsc::channel(1);
        let handle = PollerHandle { shared: Arc::clone(&shared), closed };
        let frame = Arc::new(EventFrame::new(
            &config.event_source,
            &config.bootstrap_servers,
            config.records_max.max(1),
            config.event_bytes_max,
        ));
        Handle::current().spawn(topic_watch::watch(config.clone(), Arc::clone(&shared)));
        let topics: Vec<&str> = config.topics.iter().map(String::as_str).collect();
        for number in 0..config.workers.max(1) {
            let consumer: BaseConsumer<WorkerContext> = config
                .client(number)
                .create_with_context(WorkerContext::new(Arc::clone(&shared)))
                .map_err(BrokerError::Client)?;
            consumer.subscribe(&topics).map_err(BrokerError::Client)?;
            let (outcomes, outcome) = channel();
            let invoker = Invoker {
                handler: Arc::clone(handler),
                runtime: Handle::current(),
                time_limit: config.time_limit,
                outcomes,
                shared: Arc::clone(&shared),
            };
            let starting = Starting::new(stored, Handle::current(), config.begins_at_end());
            let unreadable = UnreadableCheck::new(config, Handle::current());
            let probe = config.topics.first().cloned().unwrap_or_default();
            let limits = WorkerLimits {
                window: config.window,
                bisect: config.bisect,
                probe,
                health: config.health.clone(),
            };
            let (frame, shared) = (Arc::clone(&frame), Arc::clone(&shared));
            let worker = Worker::new(
                consumer,
                frame,
                limits,
                shared,
                (invoker, outcome),
                starting,
                unreadable,
            );
            let open = open.clone();
            let work = move || {
                // Leaves the group too: the worker owns its consumer.
                worker.run();
                drop(open);
            };
            let thread = thread::Builder::new().name(format!("weir-lane-{number}"));
            thread.spawn(work).map_err(|error| BrokerError::Start(error.to_string()))?;
        }
        Ok(handle)
    }
}

/// A running poller; dropping it asks the workers to stop without waiting for them.
pub struct PollerHandle {
    shared: Arc<SharedStatus>,
    /// Ends when the last worker has.
    closed: mpsc::Receiver<()>,
}

impl PollerHandle {
    /// How it is doing now.
    pub fn status(&self) -> PollerStatus {
        self.shared.status().clone()
    }

    /// Finishes the invocation that is under way, commits it if it succeeds, leaves the group and
    /// ends the workers.
    ///
    /// A batch that is failing gets no further try. What was read and not handled comes again at
    /// the next start. Takes as long as the invocation may, and 10 s more when the broker does not
    /// answer.
    pub async fn stop(mut self) -> PollerStatus {
        self.shared.stop();
        loop {
            while self.shared.is_busy() {
                sleep(BUSY_EVERY).await;
            }
            match tokio::time::timeout(CLOSE_LIMIT, self.closed.recv()).await {
                // One that began just as it was told to stop.
                Err(_) if self.shared.is_busy() => {}
                Err(_) => {
                    tracing::warn!(
                        "kafka does not answer the consumer's goodbye: what is not committed comes again at the next start"
                    );
                    break;
                }
                Ok(_) => break,
            }
        }
        self.status()
    }
}

impl Drop for PollerHandle {
    fn drop(&mut self) {
        self.shared.stop();
    }
}
