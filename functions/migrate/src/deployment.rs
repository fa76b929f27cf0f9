//! The work before the functions get traffic: schema, roles, settings and topics.

use std::collections::BTreeMap;

use anyhow::Context;
use clap::Parser;
use serde::Deserialize;
use serde_json::Value;
use weir_kafka::{KafkaConfig, MskConfig, create_missing, with_iam};
use weir_model::Models;
use weir_plugin::Plugins;
use weir_settings::{DataFlags, DataTables, Wanted};
use weir_store::{DatabaseRoles, Store, settings};

use crate::{Meet, MigrateConfig, Migrated, packaged, parameters};

/// The properties that the template sends.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Properties {
    /// Topics that must exist.
    pub topics: Vec<String>,
    /// Whether missing topics are created: `false` when CloudFormation creates them. It sends every
    /// value as a text.
    pub create_topics: Option<String>,
    /// Partitions of a topic that is created. CloudFormation sends every number as a text.
    pub partitions: Option<Value>,
    /// The settings of the data, by the names of their variables. A name that is missing sets
    /// nothing. An empty text means that the setting has no value.
    pub settings: BTreeMap<String, String>,
    /// The folders of the upload bucket with their topics. They are checked only.
    pub upload_folders: String,
}

/// The settings of the data as a command line.
#[derive(Debug, clap::Parser)]
#[command(name = "Settings")]
struct DataLine {
    #[command(flatten)]
    data: DataFlags,
}

impl Properties {
    /// Returns the settings of the data, with those of the packaged files; `None` when the template
    /// sends none.
    fn data(&self, packaged: &DataTables) -> anyhow::Result<Option<Wanted>> {
        if self.settings.is_empty() {
            return Ok(None);
        }
        let group = self.settings.get("GROUP_ID").map_or("", String::as_str);
        parameters::check_topics(&self.topics, group)?;
        let keep = self.settings.get("KEEP").map_or("", String::as_str);
        packaged::check(packaged, &self.topics, keep)?;
        let mut tables = packaged.clone();
        let mut line = vec!["Settings".to_owned()];
        for (name, text) in &self.settings {
            match (name.as_str(), text.as_str()) {
                ("KEEP", "") => tables.keep = tables.keep.or(Some(None)),
                ("TOPICS" | "GROUP_ID" | "AVRO", "") => {}
                _ => line.push(format!("--{}={text}", name.to_lowercase().replace('_', "-"))),
            }
        }
        let wrong = |e: clap::Error| {
            let text = e.to_string();
            anyhow::Error::msg(parameters::named(text.lines().next().unwrap_or_default()))
        };
        let given = DataLine::try_parse_from(line).map_err(wrong)?.data.given()?;
        if !self.topics.is_empty() {
            parameters::check_names(&self.topics, &self.upload_folders, &given)?;
        }
        packaged::complete(&mut tables, &given);
        Ok(Some(Wanted { given, tables }))
    }

    /// Returns the number of partitions of a new topic. Without a number, the broker's default
    /// (-1).
    fn partitions(&self) -> anyhow::Result<i32> {
        let number = match &self.partitions {
            None => return Ok(-1),
            Some(Value::String(text)) => text.parse().ok(),
            Some(other) => other.as_i64(),
        };
        number
            .and_then(|n| i32::try_from(n).ok())
            .filter(|n| *n > 0)
            .context("Partitions is not a number above 0")
    }
}

/// Brings the schema, the roles, the settings and the topics up to date.
#[derive(Clone)]
pub struct Deployment {
    store: Store,
    models: Models,
    plugins: Plugins,
    wanted: Wanted,
    /// The settings in the packaged files.
    packaged: DataTables,
    roles: DatabaseRoles,
    kafka: KafkaConfig,
    msk: MskConfig,
}

/// The result of a deployment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Deployed {
    /// A line for each migration that was applied.
    pub applied: Vec<String>,
    /// Topics that were created.
    pub topics: Vec<String>,
    /// `HOST:PORT,…` of the brokers.
    pub kafka_url: Option<String>,
    /// How often the settings of the data were changed. A function with this number as a variable
    /// restarts when the settings change.
    pub settings: i64,
}

impl Deployment {
    /// Returns a deployment with these settings. It does not connect yet. Wrong settings are an
    /// error.
    pub fn new(config: &MigrateConfig, models: Models, plugins: &Plugins) -> anyhow::Result<Self> {
        let wanted = Wanted::of(&config.data)?;
        wanted.check(&models, plugins)?;
        let packaged = config.settings_dir.as_deref().map(packaged::read).transpose()?;
        let store = Store::new(&config.database)?;
        Ok(Self {
            store,
            models,
            plugins: plugins.clone(),
            wanted,
            packaged: packaged.unwrap_or_default(),
            roles: config.database_roles,
            kafka: config.kafka.clone(),
            msk: config.msk.clone(),
        })
    }

    /// Brings everything up to date. A second run changes nothing.
    pub async fn apply(&self, properties: &Properties) -> anyhow::Result<Deployed> {
        let mut properties = properties.clone();
        // CloudFormation sends an empty list as one empty name.
        if properties.topics == [""] {
            properties.topics.clear();
        }
        let partitions = properties.partitions()?;
        let (wanted, meet) = match properties.data(&self.packaged)? {
            Some(wanted) => {
                wanted
                    .check(&self.models, &self.plugins)
                    .map_err(|e| anyhow::Error::msg(parameters::named(&e.to_string())))?;
                (wanted, Meet::Replace)
            }
            None => (self.wanted.clone(), Meet::Agree),
        };
        if meet == Meet::Replace {
            // Boxed because the futures are nested too deeply for the compiler.
            Box::pin(parameters::check_stored(&wanted, &self.store)).await?;
        }
        // Before the schema, so that a Kafka that does not answer changes nothing.
        let kafka_url = self.msk.bootstrap(&self.kafka).await?;
        anyhow::ensure!(
            properties.topics.is_empty() || kafka_url.is_some(),
            "the resource has topics, but no Kafka is set: set KAFKA_URL or MSK_CLUSTER_ARN"
        );
        let Migrated { applied, notes, .. } =
            crate::handle(&self.store, &self.models, &self.plugins, &wanted, meet, self.roles)
                .await?;
        for note in notes {
            tracing::warn!("{note}");
        }
        let settings = settings::count_changes(&self.store).await?;
        let mut made = Vec::new();
        let creates =
            !properties.topics.is_empty() && properties.create_topics.as_deref() != Some("false");
        if let Some(bootstrap) = kafka_url.as_deref().filter(|_| creates) {
            let mut of_kafka = self.kafka.properties();
            if let Some(region) = &self.msk.kafka_iam_region {
                of_kafka = with_iam(region, &of_kafka);
            }
            made = create_missing(bootstrap, &of_kafka, &properties.topics, partitions).await?;
        }
        Ok(Deployed { applied, topics: made, kafka_url, settings })
    }
}
