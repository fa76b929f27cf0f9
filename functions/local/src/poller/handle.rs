//! Starts and stops the workers.

use std::{
    sync::{Arc, mpsc::channel},
    thread,
    time::Duration,
};

use rdkafka::consumer::{BaseConsumer, Consumer};
use tokio::{runtime::Handle, sync::mpsc, time::sleep};
use weir_kafka::{BrokerError, Tokens};

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

/// The interval in which a stop checks for running invocations.
const BUSY_EVERY: Duration = Duration::from_millis(5);

/// The time limit for the last commit and for leaving the group.
///
/// Without it, a broker that does not answer could delay both for a minute. Uncommitted records are
/// read again, and the group removes a member that did not leave after the session timeout.
pub const CLOSE_LIMIT: Duration = Duration::from_secs(10);

/// Starts pollers.
pub struct Poller;

impl Poller {
    /// Joins the group with every worker, and calls `handler` on the current tokio runtime.
    ///
    /// Returns immediately, also when the broker is away: the workers retry. The error is a
    /// property that librdkafka refuses, or a thread that cannot be started.
    pub fn start(
        config: &PollerConfig,
        handler: &Arc<dyn Invoke>,
        stored: &Arc<dyn StoredPositions>,
    ) -> Result<PollerHandle, BrokerError> {
        let shared = Arc::new(SharedStatus::new(&config.bootstrap));
        // Created first: if a later worker cannot be started, dropping the handle stops the earlier
        // ones.
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
        let tokens = Tokens::of(&config.properties)?;
        for number in 0..config.workers.max(1) {
            let consumer: BaseConsumer<WorkerContext> = config
                .client(number)
                .create_with_context(WorkerContext::new(Arc::clone(&shared), tokens.clone()))
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
            let limits =
                WorkerLimits { bisect: config.bisect, probe, health: config.health.clone() };
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
                // `run` also leaves the group, because it drops the worker's consumer.
                worker.run();
                drop(open);
            };
            let thread = thread::Builder::new().name(format!("weir-lane-{number}"));
            thread.spawn(work).map_err(|error| BrokerError::Start(error.to_string()))?;
        }
        Ok(handle)
    }
}

/// A running poller. Dropping it tells the workers to stop, but does not wait for them.
pub struct PollerHandle {
    shared: Arc<SharedStatus>,
    /// The channel closes when the last worker has ended.
    closed: mpsc::Receiver<()>,
}

impl PollerHandle {
    /// Returns the current status.
    pub fn status(&self) -> PollerStatus {
        self.shared.status().clone()
    }

    /// Waits for the running invocation, commits its records if it succeeds, leaves the group and
    /// ends the workers.
    ///
    /// A failing batch is not retried. Records that were read but not handled are read again after
    /// the next start. The stop takes as long as the running invocation, and up to 10 s more when
    /// the broker does not answer.
    pub async fn stop(mut self) -> PollerStatus {
        self.shared.stop();
        loop {
            while self.shared.is_busy() {
                sleep(BUSY_EVERY).await;
            }
            match tokio::time::timeout(CLOSE_LIMIT, self.closed.recv()).await {
                // This invocation began just before the stop.
                Err(_) if self.shared.is_busy() => {}
                Err(_) => {
                    tracing::warn!(
                        "Kafka did not answer when the consumer left the group: records that are \
                            not committed are read again at the next start"
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
