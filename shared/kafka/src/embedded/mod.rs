//! The embedded broker: librdkafka's mock cluster, topics made ahead, a fixed port.
//!
//! It keeps about 5 MB of a partition, drops the oldest without a word, and forgets topics, records
//! and committed offsets when it stops. A topic made by a client on first use gets 4 partitions:
//! librdkafka has no setting for that number, so every topic of the configuration is made ahead
//! with [`PARTITIONS_DEFAULT`].

mod cluster;
mod tcp_proxy;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, net::SocketAddr};

use tokio::task::JoinSet;

use self::{cluster::Cluster, tcp_proxy::Listeners};
use crate::BrokerError;

/// Partitions of a topic of the embedded broker, unless the caller asks for another number.
pub const PARTITIONS_DEFAULT: i32 = 16;

/// A Kafka broker inside this process, reachable by every client on this machine.
pub struct EmbeddedBroker {
    // Dropped first: no new connection reaches a cluster that is going away.
    proxy: JoinSet<()>,
    cluster: Cluster,
    port: u16,
    partitions: i32,
}

impl EmbeddedBroker {
    /// Starts the broker on `port` of 127.0.0.1 and `::1` (0: any free one) and makes `topics`,
    /// each with `partitions` partitions ([`PARTITIONS_DEFAULT`] is a good number).
    ///
    /// Call it inside a tokio runtime, which then forwards the connections. Fails with
    /// [`BrokerError::PortTaken`], or [`BrokerError::Start`] for anything else, a topic's name
    /// included.
    pub fn start(port: u16, topics: &[String], partitions: i32) -> Result<Self, BrokerError> {
        let listeners = Listeners::bind(port)?;
        let cluster = Cluster::start()?;
        for topic in topics {
            cluster.create_topic(topic, partitions)?;
        }
        let target: SocketAddr = cluster
            .bootstrap()
            .parse()
            .map_err(|error| BrokerError::Start(format!("{}: {error}", cluster.bootstrap())))?;
        let port = listeners.port();
        Ok(Self { proxy: listeners.serve(target), cluster, port, partitions })
    }

    /// The address for clients of this process, `127.0.0.1:port`: the broker itself, without the
    /// proxy.
    pub fn bootstrap(&self) -> &str {
        self.cluster.bootstrap()
    }

    /// The fixed port that other programs use.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Properties for consumer groups on this broker: it waits for about a session before it
    /// assigns partitions again, and no client on this machine needs a long one.
    pub fn consumer_properties() -> BTreeMap<String, String> {
        let properties = [("session.timeout.ms", "4000"), ("heartbeat.interval.ms", "500")];
        properties.map(|(name, value)| (name.into(), value.into())).into()
    }

    /// Makes one more topic, with the number of partitions given at the start.
    pub fn create_topic(&self, topic: &str) -> Result<(), BrokerError> {
        self.cluster.create_topic(topic, self.partitions)
    }

    /// Stops it: when this returns, the port is free and everything in the broker is forgotten.
    ///
    /// Dropping does the same, only that the port is freed a moment later. Stop the clients first.
    pub async fn stop(mut self) {
        self.proxy.shutdown().await;
        // Waits for librdkafka's threads.
        let cluster = self.cluster;
        let _ = tokio::task::spawn_blocking(move || drop(cluster)).await;
    }
}
