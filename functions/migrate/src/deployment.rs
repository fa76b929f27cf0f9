//! What is brought up to date before the functions take traffic.

use anyhow::Context;
use serde::Deserialize;
use serde_json::Value;
use weir_kafka::{KafkaConfig, MskConfig, create_missing, create_missing_with_iam};
use weir_model::Models;
use weir_plugin::Plugins;
use weir_store::{DatabaseRoles, Store, migrate};

use crate::MigrateConfig;

/// What the template asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Properties {
    /// Topics that have to be there.
    pub topics: Vec<String>,
    /// Partitions of those that are made. CloudFormation makes a text of every number.
    pub partitions: Option<Value>,
}

impl Properties {
    /// Partitions of a topic that is made; the broker's default without a number.
    fn partitions(&self) -> anyhow::Result<i32> {
        let number = match &self.partitions {
            None => return Ok(-1),
            Some(Value::String(text)) => text.parse().ok(),
            Some(other) => other.as_i64(),
        };
        number.and_then(|n| i32::try_from(n).ok()).filter(|n| *n > 0).context("Partitions is no number above 0")
    }
}

/// Schema, roles and topics.
#[derive(Clone)]
pub struct Deployment {
    store: Store,
    models: Models,
    plugins: Plugins,
    roles: DatabaseRoles,
    kafka: KafkaConfig,
    msk: MskConfig,
}

/// What was done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Deployed {
    /// A line for each migration that was applied.
    pub applied: Vec<String>,
    /// Topics that were made.
    pub topics: Vec<String>,
    /// `HOST:PORT,…` of the brokers.
    pub kafka_url: Option<String>,
}

impl Deployment {
    /// What these settings name. Nothing is connected yet; wrong settings are the error.
    pub fn new(config: &MigrateConfig, models: Models, plugins: &Plugins) -> anyhow::Result<Self> {
        let plugins = plugins.switched_on(&config.plugins).map_err(anyhow::Error::msg)?;
        let store = Store::new(&config.database)?;
        Ok(Self { store, models, plugins, roles: config.database_roles, kafka: config.kafka.clone(), msk: config.msk.clone() })
    }

    /// Brings everything up to date. Doing it again does nothing.
    pub async fn apply(&self, properties: &Properties) -> anyhow::Result<Deployed> {
        let partitions = properties.partitions()?;
        let applied = crate::handle_with_roles(&self.store, &self.models, &self.plugins, self.roles).await?;
        for note in migrate::reader_notes(&self.store).await? {
            tracing::warn!("{note}");
        }
        let kafka_url = self.msk.bootstrap(&self.kafka).await?;
        let mut made = Vec::new();
        if !properties.topics.is_empty() {
            let bootstrap = kafka_url.as_deref().context("topics are named, and no Kafka: set KAFKA_URL or MSK_CLUSTER_ARN")?;
            made = match &self.msk.kafka_iam_region {
                Some(region) => create_missing_with_iam(bootstrap, region, &properties.topics, partitions).await?,
                None => create_missing(bootstrap, &self.kafka.properties(), &properties.topics, partitions).await?,
            };
        }
        Ok(Deployed { applied, topics: made, kafka_url })
    }
}
