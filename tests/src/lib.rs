//! The environment of the tests: a separate migrated database, a writer, and batches.

pub mod audit;
pub mod batches;
pub mod dice;
pub mod dumps;
pub mod tables;
pub mod time_travel;
pub mod traffic;

use std::time::Duration;

use anyhow::Context;
use tokio_postgres::Client;
use weir_model::{KafkaBatch, Models, Topics, TopicsConfig, models};
use weir_store::{DatabaseConfig, Report, Store, StoreError, Writer, migrate};
use weir_testkit::{Database, KafkaEvent, PATIENCE, eventually};

/// The time limit for a batch in the tests.
pub const BATCH_TIME: Duration = Duration::from_mins(1);

/// A migrated database, and a writer on it.
pub struct World {
    /// The database.
    pub database: Database,
    /// The writer. It has the built-in models, each with its own topic, and `orders=events`.
    pub writer: Writer,
    /// A plain connection for checks.
    pub sql: Client,
}

/// Returns the settings of the topics in the tests.
pub fn topics_config() -> anyhow::Result<TopicsConfig> {
    Ok(TopicsConfig { topics: "+orders=events".parse()?, ..TopicsConfig::default() })
}

/// Returns the built-in models, and the topics of the tests.
pub fn models_and_topics() -> anyhow::Result<(Models, Topics)> {
    let models = models::builtin();
    let topics = Topics::new(&topics_config()?, &models)?;
    Ok((models, topics))
}

/// Returns a writer of group `weir` on any database.
pub fn writer_on(url: &str) -> anyhow::Result<Writer> {
    let (models, topics) = models_and_topics()?;
    Ok(Writer::new(Store::new(&DatabaseConfig::from_url(url))?, models, topics, "weir"))
}

/// Migrates a database with the built-in models and every built-in plugin.
pub async fn migrate_all(url: &str) -> anyhow::Result<()> {
    let config =
        weir_plugin::PluginsConfig { plugins: vec!["daily_totals".into()], avro: Vec::new() };
    let plugins = weir_plugin::builtin().switched_on(&config).map_err(anyhow::Error::msg)?;
    migrate::run(
        &Store::new(&DatabaseConfig::from_url(url))?,
        &models::builtin(),
        &plugins.database(),
    )
    .await?;
    Ok(())
}

impl World {
    /// Creates a new database with a writer.
    pub async fn new() -> anyhow::Result<Self> {
        let database =
            Database::create("weir", async |url: String| migrate_all(&url).await).await?;
        let writer = writer_on(&database.url())?;
        let sql = database.client().await?;
        Ok(Self { database, writer, sql })
    }

    /// Delivers an event as Lambda does.
    pub async fn deliver(&self, event: KafkaEvent) -> Result<Report, StoreError> {
        deliver(&self.writer, event).await
    }

    /// Returns a writer of group `weir` on the same database, with other settings of topics.
    pub fn writer_with(&self, topics: &TopicsConfig) -> anyhow::Result<Writer> {
        let models = models::builtin();
        let topics = Topics::new(topics, &models)?;
        Ok(Writer::new(self.store()?, models, topics, "weir"))
    }

    /// Returns another connection pool for the same database.
    pub fn store(&self) -> anyhow::Result<Store> {
        Ok(Store::new(&DatabaseConfig::from_url(self.database.url()))?)
    }

    /// Opens a session of the role `weir_reader`.
    pub async fn reader(&self) -> anyhow::Result<Client> {
        // Roles belong to the whole server: another test may change the role at the same time.
        let lets_in = async || {
            self.sql.batch_execute("ALTER ROLE weir_reader LOGIN PASSWORD 'reads'").await.ok()
        };
        eventually(PATIENCE, lets_in).await?;
        let mut config: tokio_postgres::Config = self.database.url().parse()?;
        let (client, connection) =
            config.user("weir_reader").password("reads").connect(tokio_postgres::NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }

    /// Returns the number that the query selects.
    pub async fn count(&self, sql: &str) -> anyhow::Result<i64> {
        Ok(self.sql.query_one(sql, &[]).await.with_context(|| sql.to_owned())?.try_get(0)?)
    }
}

/// Delivers an event through a writer.
pub async fn deliver(writer: &Writer, event: KafkaEvent) -> Result<Report, StoreError> {
    let batch =
        KafkaBatch::parse(&event.to_bytes()).map_err(|e| StoreError::Refused(e.to_string()))?;
    writer.write(&batch, BATCH_TIME).await
}

/// Returns the value of a reading.
pub fn reading(sensor: &str, value: f64, timestamp: &str) -> String {
    serde_json::json!({"sensor": sensor, "value": value, "timestamp": timestamp}).to_string()
}
