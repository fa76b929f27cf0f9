//! The broker: the one that was given, or the embedded one.

use std::collections::BTreeMap;

use crate::{
    Exit, Settings,
    broker::{EmbeddedBroker, PARTITIONS_DEFAULT},
    poller::PollerConfig,
};

pub(super) enum Kafka {
    Embedded(EmbeddedBroker),
    Given { bootstrap: String, properties: BTreeMap<String, String> },
}

impl Kafka {
    /// Starts the embedded one, when none is given.
    pub(super) fn start(settings: &Settings, topics: &[String]) -> Result<Self, Exit> {
        let properties = settings.kafka.properties.iter().map(|p| (p.name.clone(), p.value.clone())).collect();
        match &settings.kafka.kafka {
            Some(bootstrap) => Ok(Self::Given { bootstrap: bootstrap.clone(), properties }),
            None => Ok(Self::Embedded(EmbeddedBroker::start(settings.kafka_port, topics, PARTITIONS_DEFAULT)?)),
        }
    }

    pub(super) fn is_embedded(&self) -> bool {
        matches!(self, Self::Embedded(_))
    }

    /// Where our own clients connect.
    pub(super) fn bootstrap(&self) -> &str {
        match self {
            Self::Embedded(broker) => broker.bootstrap(),
            Self::Given { bootstrap, .. } => bootstrap,
        }
    }

    /// Where other programs connect.
    pub(super) fn address(&self) -> String {
        match self {
            Self::Embedded(broker) => format!("localhost:{}", broker.port()),
            Self::Given { bootstrap, .. } => bootstrap.clone(),
        }
    }

    pub(super) fn poller_config(&self, settings: &Settings, topics: &[String]) -> PollerConfig {
        let mut config = PollerConfig::new(self.bootstrap(), &settings.ingest.group_id, topics);
        config.properties = match self {
            Self::Embedded(_) => EmbeddedBroker::consumer_properties(),
            Self::Given { properties, .. } => properties.clone(),
        };
        config.lanes = settings.kafka.lanes.into();
        config.bisect = settings.kafka.bisect;
        config.bootstrap_servers = self.address();
        config
    }

    pub(super) async fn stop(self) {
        if let Self::Embedded(broker) = self {
            broker.stop().await;
        }
    }
}
