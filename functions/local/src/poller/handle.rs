//! Starting and stopping the lanes.

use std::{
    sync::{Arc, mpsc::channel},
    thread::{self, JoinHandle},
};

use rdkafka::consumer::{BaseConsumer, Consumer};
use tokio::runtime::Handle;

use super::{
    Invoke, PollerConfig, PollerStatus,
    assignment::LaneContext,
    batch::Frame,
    invoke::Invoker,
    lane::{Lane, Limits},
    status::Shared,
};
use crate::broker::BrokerError;

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
        let mut handle = PollerHandle { shared: Arc::clone(&shared), lanes: Vec::new() };
        let frame =
            Arc::new(Frame::new(&config.event_source, &config.bootstrap_servers, config.records_max.max(1), config.event_bytes_max));
        let topics: Vec<&str> = config.topics.iter().map(String::as_str).collect();
        for number in 0..config.lanes.max(1) {
            let consumer: BaseConsumer<LaneContext> =
                config.client(number).create_with_context(LaneContext::new(Arc::clone(&shared))).map_err(BrokerError::Client)?;
            consumer.subscribe(&topics).map_err(BrokerError::Client)?;
            let (outcomes, outcome) = channel();
            let invoker = Invoker { handler: Arc::clone(handler), runtime: Handle::current(), time_limit: config.time_limit, outcomes };
            let limits = Limits { window: config.window, bisect: config.bisect };
            let probe = config.topics.first().cloned().unwrap_or_default();
            let (frame, shared) = (Arc::clone(&frame), Arc::clone(&shared));
            let lane = Lane::new(consumer, frame, limits, probe, shared, invoker, outcome);
            let thread = thread::Builder::new()
                .name(format!("weir-lane-{number}"))
                .spawn(move || lane.run())
                .map_err(|error| BrokerError::Start(error.to_string()))?;
            handle.lanes.push(thread);
        }
        Ok(handle)
    }
}

/// A running poller; dropping it asks the lanes to stop without waiting for them.
pub struct PollerHandle {
    shared: Arc<Shared>,
    lanes: Vec<JoinHandle<()>>,
}

impl PollerHandle {
    /// How it is doing now.
    pub fn status(&self) -> PollerStatus {
        self.shared.status().clone()
    }

    /// Finishes the invocation that is under way, commits it if it succeeds, leaves the group and ends the lanes.
    ///
    /// A batch that is failing gets no further try. What was read and not handled comes again at the next start.
    pub async fn stop(mut self) -> PollerStatus {
        self.shared.stop();
        let lanes = std::mem::take(&mut self.lanes);
        let joined = tokio::task::spawn_blocking(move || {
            for lane in lanes {
                let _ = lane.join();
            }
        });
        let _ = joined.await;
        self.status()
    }
}

impl Drop for PollerHandle {
    fn drop(&mut self) {
        self.shared.stop();
    }
}
