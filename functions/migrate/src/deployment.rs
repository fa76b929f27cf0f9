//! What is brought up to date before the functions take traffic.

use anyhow::Context;
use weir_model::Models;
use weir_plugin::Plugins;
use weir_store::{DatabaseRoles, Store};

use crate::{BrokersConfig, MigrateConfig, Properties, topics};

/// Schema, roles and topics.
#[derive(Clone)]
pub struct Deployment {
    store: Store,
    models: Models,
    plugins: Plugins,
    roles: DatabaseRoles,
    brokers: BrokersConfig,
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
        config.brokers.properties()?;
        let plugins = plugins.switched_on(&config.plugins).map_err(anyhow::Error::msg)?;
        let store = Store::new(&config.database)?;
        Ok(Self { store, models, plugins, roles: config.database_roles, brokers: config.brokers.clone() })
    }

    /// Brings everything up to date. Doing it again does nothing.
    pub async fn apply(&self, properties: &Properties) -> anyhow::Result<Deployed> {
        let partitions = properties.partitions()?;
        let applied = crate::handle_with_roles(&self.store, &self.models, &self.plugins, self.roles).await?;
        let kafka_url = self.brokers.bootstrap().await?;
        let mut made = Vec::new();
        if !properties.topics.is_empty() {
            let bootstrap = kafka_url.as_deref().context("topics are named, and no Kafka: set KAFKA_URL or MSK_CLUSTER_ARN")?;
            made = match &self.brokers.kafka_iam_region {
                Some(region) => topics::create_missing_with_iam(bootstrap, region, &properties.topics, partitions).await?,
                None => topics::create_missing(bootstrap, &self.brokers.properties()?, &properties.topics, partitions).await?,
            };
        }
        Ok(Deployed { applied, topics: made, kafka_url })
    }
}
