//! Starting and stopping the lanes.

use std::{
    sync::{Arc, mpsc::channel},
    thread,
    time::Duration,
};

use rdkafka::consumer::{BaseConsumer, Consumer};
use tokio::{runtime::Handle, sync::mpsc, time::sleep};
use weir_kafka::BrokerError;

use super::{
    Invoke, PollerConfig, PollerStatus,
    assignment::LaneContext,
    batch::Frame,
    invoke::Invoker,
    lane::{Lane, Limits},
    status::Shared,
};

/// How often a stop looks whether the invocations have ended.
const BUSY_EVERY: Duration = Duration::from_millis(5);

/// For the last commit and for leaving the group. A broker that does not answer could hold both up for a minute; what is
/// not committed comes again, and a member that does not say goodbye is missed after the session's time.
pub(super) const CLOSE_LIMIT: Duration = Duration::from_secs(10);

/// Starts pollers.
pub struct Poller;

impl Poller {
    /// Joins the group with every lane and begins to call `handler` on the current tokio runtime.
    ///
    /// Returns at once, also when the broker is away: the lanes keep trying. Fails for properties that librdkafka
    /// refuses, and when a thread cannot be had.
    pub fn start(config: &PollerConfig, handler: &Arc<dyn Invoke>) -> Result<PollerHandle, BrokerError> {
        let shared = Arc::new(Shared::new(&config.bootstrap));
        // Made first: if a later lane cannot be had, this stops the earlier ones.
        let (open, closed) = mpsc::channel(1);
        let handle = PollerHandle { shared: Arc::clone(&shared), closed };
        let frame =
            Arc::new(Frame::new(&config.event_source, &config.bootstrap_servers, config.records_max.max(1), config.event_bytes_max));
        let topics: Vec<&str> = config.topics.iter().map(String::as_str).collect();
        for number in 0..config.lanes.max(1) {
            let consumer: BaseConsumer<LaneContext> =
                config.client(number).create_with_context(LaneContext::new(Arc::clone(&shared))).map_err(BrokerError::Client)?;
            consumer.subscribe(&topics).map_err(BrokerError::Client)?;
            let (outcomes, outcome) = channel();
            let invoker = Invoker {
                handler: Arc::clone(handler),
                runtime: Handle::current(),
                time_limit: config.time_limit,
                outcomes,
                shared: Arc::clone(&shared),
            };
            let limits = Limits { window: config.window, bisect: config.bisect };
            let probe = config.topics.first().cloned().unwrap_or_default();
            let (frame, shared) = (Arc::clone(&frame), Arc::clone(&shared));
            let lane = Lane::new(consumer, frame, limits, probe, shared, invoker, outcome);
            let open = open.clone();
            let work = move || {
                // Leaves the group too: the lane owns its consumer.
                lane.run();
                drop(open);
            };
            let thread = thread::Builder::new().name(format!("weir-lane-{number}"));
            thread.spawn(work).map_err(|error| BrokerError::Start(error.to_string()))?;
        }
        Ok(handle)
    }
}

/// A running poller; dropping it asks the lanes to stop without waiting for them.
pub struct PollerHandle {
    shared: Arc<Shared>,
    /// Ends when the last lane has.
    closed: mpsc::Receiver<()>,
}

impl PollerHandle {
    /// How it is doing now.
    pub fn status(&self) -> PollerStatus {
        self.shared.status().clone()
    }

    /// Finishes the invocation that is under way, commits it if it succeeds, leaves the group and ends the lanes.
    ///
    /// A batch that is failing gets no further try. What was read and not handled comes again at the next start. Takes
    /// as long as the invocation may, and 10 s more when the broker does not answer.
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
                    tracing::warn!("kafka does not answer the consumer's goodbye: what is not committed comes again at the next start");
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
