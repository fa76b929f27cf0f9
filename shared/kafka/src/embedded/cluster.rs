//! The mock cluster on its own thread, because it cannot leave the thread that created it.

use std::{
    sync::mpsc::{Receiver, Sender, channel},
    thread::{self, JoinHandle},
};

use rdkafka::mocking::MockCluster;

use crate::BrokerError;

/// One broker is sufficient, because records are not replicated.
const BROKERS: i32 = 1;

struct CreateTopic {
    topic: String,
    partitions: i32,
    answer: Sender<Result<(), BrokerError>>,
}

/// A running mock cluster. Dropping it frees its port and its records.
pub(super) struct Cluster {
    orders: Option<Sender<CreateTopic>>,
    thread: Option<JoinHandle<()>>,
    bootstrap: String,
}

impl Cluster {
    pub(super) fn start() -> Result<Self, BrokerError> {
        let (orders, inbox) = channel();
        let (started, ready) = channel();
        let thread = thread::Builder::new()
            .name("weir-broker".into())
            .spawn(move || run(&started, &inbox))
            .map_err(|error| BrokerError::Start(error.to_string()))?;
        let bootstrap =
            ready.recv().map_err(|_| BrokerError::Start("the broker's thread ended".into()))??;
        Ok(Self { orders: Some(orders), thread: Some(thread), bootstrap })
    }

    /// Returns the mock's own address, `127.0.0.1:port`.
    pub(super) fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    pub(super) fn create_topic(&self, topic: &str, partitions: i32) -> Result<(), BrokerError> {
        let gone = || BrokerError::Start("the broker's thread ended".into());
        let (answer, answered) = channel();
        let order = CreateTopic { topic: topic.to_owned(), partitions, answer };
        let orders = self.orders.as_ref().ok_or_else(gone)?;
        orders.send(order).map_err(|_| gone())?;
        answered.recv().map_err(|_| gone())?
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // Dropping the sender ends the thread's loop, which drops the cluster.
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(started: &Sender<Result<String, BrokerError>>, inbox: &Receiver<CreateTopic>) {
    let cluster = match MockCluster::new(BROKERS) {
        Ok(cluster) => cluster,
        Err(error) => {
            let _ = started.send(Err(BrokerError::Start(error.to_string())));
            return;
        }
    };
    if started.send(Ok(cluster.bootstrap_servers())).is_err() {
        return;
    }
    for order in inbox {
        let made = cluster.create_topic(&order.topic, order.partitions, BROKERS).map_err(|error| {
            BrokerError::Start(format!("topic {}: {error}", order.topic.escape_debug()))
        });
        let _ = order.answer.send(made);
    }
}
