//! What is brought up to date before the functions take traffic.

use std::collections::BTreeMap;

use anyhow::Context;
use clap::Parser;
use serde::Deserialize;
use serde_json::Value;
use weir_kafka::{KafkaConfig, MskConfig, create_missing, create_missing_with_iam};
use weir_model::Models;
use weir_plugin::Plugins;
use weir_settings::{DataFlags, DataTables, Wanted};
use weir_store::{DatabaseRoles, Store, settings};

use crate::{Meet, MigrateConfig, Migrated};

/// What the template asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Properties {
    /// Topics that have to be there.
    pub topics: Vec<String>,
    /// Partitions of those that are made. CloudFormation makes a text of every number.
    pub partitions: Option<Value>,
    /// The settings of the data, by the names of their variables. One that is not named says
    /// nothing; an empty text says that there is none.
    pub settings: BTreeMap<String, String>,
}

/// The settings of the data as a command line.
#[derive(Debug, clap::Parser)]
#[command(name = "Settings")]
struct DataLine {
    #[command(flatten)]
    data: DataFlags,
}

impl Properties {
    /// What it says of the data; none where it says nothing.
    fn data(&self) -> anyhow::Result<Option<Wanted>> {
        if self.settings.is_empty() {
            return Ok(None);
        }
        let mut tables = DataTables::default();
        let mut line = vec!["Settings".to_owned()];
        for (name, text) in &self.settings {
            match (name.as_str(), text.as_str()) {
                ("KEEP", "") => tables.keep = Some(None),
                ("TOPICS" | "GROUP_ID" | "AVRO", "") => {}
                _ => line.push(format!("--{}={text}", name.to_lowercase().replace('_', "-"))),
            }
        }
        let wrong = |e: clap::Error| {
            anyhow::anyhow!("Settings: {}", e.to_string().lines().next().unwrap_or_default())
        };
        Ok(Some(Wanted {
            given: DataLine::try_parse_from(line).map_err(wrong)?.data.given()?,
            tables,
        }))
    }

    /// Partitions of a topic that is made; the broker's default without a number.
    fn partitions(&self) -> anyhow::Result<i32> {
        let number = match &self.partitions {
            None => return Ok(-1),
            Some(Value::String(text)) => text.parse().ok(),
            Some(other) => other.as_i64(),
        };
        number
            .and_then(|n| i32::try_from(n).ok())
            .filter(|n| *n > 0)
            .context("Partitions is no number above 0")
    }
}

/// Schema, roles and topics.
#[derive(Clone)]
pub struct Deployment {
    store: Store,
    models: Models,
    plugins: Plugins,
    wanted: Wanted,
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
    /// How often the settings of the data were changed. A function that has it as a variable starts
    /// anew when they are.
    pub settings: i64,
}

impl Deployment {
    /// What these settings name. Nothing is connected yet; wrong settings are the error.
    pub fn new(config: &MigrateConfig, models: Models, plugins: &Plugins) -> anyhow::Result<Self> {
        let wanted = Wanted::of(&config.data)?;
        wanted.check(&models, plugins)?;
        let store = Store::new(&config.database)?;
        Ok(Self {
            store,
            models,
            plugins: plugins.clone(),
            wanted,
            roles: config.database_roles,
            kafka: config.kafka.clone(),
            msk: config.msk.clone(),
        })
    }

    /// Brings everything up to date. Doing it again does nothing.
    pub async fn apply(&self, properties: &Properties) -> anyhow::Result<Deployed> {
        let partitions = properties.partitions()?;
        let (wanted, meet) = match properties.data()? {
            Some(wanted) => (wanted, Meet::Replace),
            None => (self.wanted.clone(), Meet::Agree),
        };
        let Migrated { applied, notes, .. } =
            crate::handle(&self.store, &self.models, &self.plugins, &wanted, meet, self.roles)
                .await?;
        for note in notes {
            tracing::warn!("{note}");
        }
        let settings = settings::count_changes(&self.store).await?;
        let kafka_url = self.msk.bootstrap(&self.kafka).await?;
        let mut made = Vec::new();
        if !properties.topics.is_empty() {
            let bootstrap = kafka_url
                .as_deref()
                .context("topics are named, and no Kafka: set KAFKA_URL or MSK_CLUSTER_ARN")?;
            made = match &self.msk.kafka_iam_region {
                Some(region) => {
                    create_missing_with_iam(bootstrap, region, &properties.topics, partitions)
                        .await?
                }
                None => {
                    create_missing(
                        bootstrap,
                        &self.kafka.properties(),
                        &properties.topics,
                        partitions,
                    )
                    .await?
                }
            };
        }
        Ok(Deployed { applied, topics: made, kafka_url, settings })
    }
}
