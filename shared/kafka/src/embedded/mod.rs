//! The embedded broker: librdkafka's mock cluster, topics created at the start, a fixed port.
//!
//! The broker keeps about 5 MB of a partition and drops the oldest records without an error. When
//! it stops, it deletes topics, records and committed offsets. A topic that a client creates on
//! first use gets 4 partitions, because librdkafka has no setting for that number. So every topic
//! of the configuration is created at the start with [`PARTITIONS_DEFAULT`].

mod cluster;
mod tcp_proxy;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, net::SocketAddr};

use tokio::task::JoinSet;

use self::{cluster::Cluster, tcp_proxy::Listeners};
use crate::BrokerError;

/// The number of partitions of a topic, unless the caller sets another number.
pub const PARTITIONS_DEFAULT: i32 = 16;

/// A Kafka broker inside this process, reachable by every client on this machine.
pub struct EmbeddedBroker {
    // Dropped first, so that no new connection reaches a cluster that is being dropped.
    proxy: JoinSet<()>,
    cluster: Cluster,
    port: u16,
    partitions: i32,
}

impl EmbeddedBroker {
    /// Starts the broker on `port` of 127.0.0.1 and `::1`, and creates `topics`.
    ///
    /// Port 0 selects a free port. Each topic gets `partitions` partitions; [`PARTITIONS_DEFAULT`]
    /// is a good number. The function needs a tokio runtime, which forwards the connections. It
    /// fails with [`BrokerError::PortTaken`], or with [`BrokerError::Start`] for any other error,
    /// including an invalid topic name.
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

    /// Returns the address for clients of this process, `127.0.0.1:port`. This is the broker
    /// itself, without the proxy.
    pub fn bootstrap(&self) -> &str {
        self.cluster.bootstrap()
    }

    /// Returns the fixed port, which other programs use.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns properties for consumer groups on this broker.
    ///
    /// After a change of the group, the broker waits for about a session timeout before it assigns
    /// partitions again. Clients on the same machine do not need a long timeout.
    pub fn consumer_properties() -> BTreeMap<String, String> {
        let properties = [
            ("session.timeout.ms", "4000"),
            ("heartbeat.interval.ms", "500"),
            // The broker answers an empty fetch only after this time, also if records arrive
            // earlier.
            ("fetch.wait.max.ms", "10"),
        ];
        properties.map(|(name, value)| (name.into(), value.into())).into()
    }

    /// Creates another topic, with the number of partitions given at the start.
    pub fn create_topic(&self, topic: &str) -> Result<(), BrokerError> {
        self.cluster.create_topic(topic, self.partitions)
    }

    /// Stops the broker. When this function returns, the port is free and all records are deleted.
    ///
    /// Dropping the broker does the same, but the port becomes free a moment later. Stop the
    /// clients first.
    pub async fn stop(mut self) {
        self.proxy.shutdown().await;
        // The drop blocks until librdkafka's threads have ended.
        let cluster = self.cluster;
        let _ = tokio::task::spawn_blocking(move || drop(cluster)).await;
    }
}
