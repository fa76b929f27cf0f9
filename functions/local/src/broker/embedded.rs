//! The embedded broker: mock cluster, topics made ahead, a fixed port.

use std::{collections::BTreeMap, net::SocketAddr};

use tokio::task::JoinSet;

use super::{BrokerError, cluster::Cluster, forward::Listeners};

/// A Kafka broker inside this process, reachable by every client on this machine.
pub struct EmbeddedBroker {
    // Dropped first: no new connection reaches a cluster that is going away.
    forwarder: JoinSet<()>,
    cluster: Cluster,
    port: u16,
    partitions: i32,
}

impl EmbeddedBroker {
    /// Starts the broker on `port` of 127.0.0.1 and `::1` (0: any free one) and makes `topics`, each with
    /// `partitions` partitions ([`super::PARTITIONS_DEFAULT`] is a good number).
    ///
    /// Call it inside a tokio runtime, which then forwards the connections. Fails with
    /// [`BrokerError::PortTaken`], or [`BrokerError::Start`] for anything else, a topic's name included.
    pub fn start(port: u16, topics: &[String], partitions: i32) -> Result<Self, BrokerError> {
        let listeners = Listeners::bind(port)?;
        let cluster = Cluster::start()?;
        for topic in topics {
            cluster.create_topic(topic, partitions)?;
        }
        let target: SocketAddr =
            cluster.bootstrap().parse().map_err(|error| BrokerError::Start(format!("{}: {error}", cluster.bootstrap())))?;
        let port = listeners.port();
        Ok(Self { forwarder: listeners.forward(target), cluster, port, partitions })
    }

    /// The address for clients of this process, `127.0.0.1:port`: the broker itself, without the forwarder.
    pub fn bootstrap(&self) -> &str {
        self.cluster.bootstrap()
    }

    /// The fixed port that other programs use.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Properties for consumer groups on this broker: it waits for about a session before it hands out partitions
    /// anew, and nobody here needs a long one.
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
        self.forwarder.shutdown().await;
        // Waits for librdkafka's threads.
        let cluster = self.cluster;
        let _ = tokio::task::spawn_blocking(move || drop(cluster)).await;
    }
}
