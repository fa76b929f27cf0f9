//! The broker: the given one, or the embedded one.

use std::{collections::BTreeMap, sync::Arc};

use futures_util::FutureExt;
use tokio::sync::Mutex;
use weir_kafka::{Backpressure, EmbeddedBroker, PARTITIONS_DEFAULT, Producer};

use crate::{
    Exit, Settings,
    poller::{PollerConfig, PollerHandle},
};

pub(super) enum Kafka {
    Embedded(EmbeddedBroker),
    Given { bootstrap: String, properties: BTreeMap<String, String> },
}

impl Kafka {
    /// Starts the embedded broker if no broker is given.
    pub(super) fn start(settings: &Settings) -> Result<Self, Exit> {
        let properties = settings.kafka.client.properties();
        match &settings.kafka.client.kafka {
            Some(bootstrap) => Ok(Self::Given { bootstrap: bootstrap.clone(), properties }),
            None => Ok(Self::Embedded(EmbeddedBroker::start(
                settings.kafka_port,
                &[],
                PARTITIONS_DEFAULT,
            )?)),
        }
    }

    /// Creates the topics in the embedded broker. An external broker's topics are left to its
    /// users.
    pub(super) fn make_topics(&self, topics: &[String]) -> Result<(), Exit> {
        if let Self::Embedded(broker) = self {
            for topic in topics {
                broker.create_topic(topic)?;
            }
        }
        Ok(())
    }

    pub(super) fn is_embedded(&self) -> bool {
        matches!(self, Self::Embedded(_))
    }

    /// Returns the address for this program's clients.
    pub(super) fn bootstrap(&self) -> &str {
        match self {
            Self::Embedded(broker) => broker.bootstrap(),
            Self::Given { bootstrap, .. } => bootstrap,
        }
    }

    /// Returns the address for other programs.
    pub(super) fn address(&self) -> String {
        match self {
            Self::Embedded(broker) => format!("localhost:{}", broker.port()),
            Self::Given { bootstrap, .. } => bootstrap.clone(),
        }
    }

    pub(super) fn poller_config(
        &self,
        settings: &Settings,
        group_id: &str,
        topics: &[String],
    ) -> PollerConfig {
        let mut config = PollerConfig::new(self.bootstrap(), group_id, topics);
        config.properties = match self {
            Self::Embedded(_) => EmbeddedBroker::consumer_properties(),
            Self::Given { properties, .. } => properties.clone(),
        };
        config.workers = settings.kafka.lanes.into();
        config.bisect = settings.kafka.bisect;
        config.bootstrap_servers = self.address();
        config
    }

    /// Creates the only producer of this process. With the embedded broker it waits instead of
    /// sending records that would displace unread ones.
    pub(super) fn producer(
        &self,
        poller: &Arc<Mutex<Option<PollerHandle>>>,
    ) -> Result<Producer, Exit> {
        match self {
            Self::Given { bootstrap, properties } => Ok(Producer::new(bootstrap, properties)?),
            Self::Embedded(broker) => {
                let poller = Arc::clone(poller);
                let committed = move || {
                    let poller = Arc::clone(&poller);
                    async move {
                        poller
                            .lock()
                            .await
                            .as_ref()
                            .map(|p| p.status().committed)
                            .unwrap_or_default()
                    }
                    .boxed()
                };
                Ok(Producer::with_backpressure(
                    broker.bootstrap(),
                    &BTreeMap::new(),
                    Backpressure::new(committed),
                )?)
            }
        }
    }

    pub(super) async fn stop(self) {
        if let Self::Embedded(broker) = self {
            broker.stop().await;
        }
    }
}
