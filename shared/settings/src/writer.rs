//! The settings of the write path, and the writer that they make.

use weir_model::{Models, Topics, TopicsConfig};
use weir_plugin::{Plugins, PluginsConfig};
use weir_store::{DatabaseConfig, Store, StoreError, WriteLimits, Writer};

/// What ingest needs to write, and the API to retry. Every setting is a flag of `weir` and an environment variable of the
/// functions.
#[derive(Debug, Clone, clap::Args)]
pub struct WriterConfig {
    /// The database.
    #[command(flatten)]
    pub database: DatabaseConfig,

    /// Topics and models.
    #[command(flatten)]
    pub topics: TopicsConfig,

    /// Plugins.
    #[command(flatten)]
    pub plugins: PluginsConfig,

    /// Limits of the write path.
    #[command(flatten)]
    pub limits: WriteLimits,

    /// Kafka consumer group: each topic is handled once per group; {topic} in it is replaced by the topic's name, for functions that
    /// have a mapping and a group for each
    #[arg(long, env = "GROUP_ID", value_name = "NAME", default_value = "weir")]
    pub group_id: String,
}

impl WriterConfig {
    /// The writer of these settings. Nothing is connected yet; wrong settings are the error.
    pub fn writer(&self, models: &Models, plugins: &Plugins) -> Result<Writer, StoreError> {
        self.writer_on(Store::new(&self.database)?, models, plugins)
    }

    /// Whether [`writer`](Self::writer) would find fault with the topics, plugins and group, without a database.
    pub fn check(&self, models: &Models, plugins: &Plugins) -> Result<(), StoreError> {
        // A name is a key: of the setting, of the schema, of the path.
        let mut names: Vec<&str> = models.iter().map(|m| m.name()).chain(plugins.names()).collect();
        names.sort_unstable();
        if let Some([name, _]) = names.array_windows().find(|[a, b]| a == b) {
            return Err(StoreError::Setting(format!("two models or plugins are called {name:?}: each needs a different name")));
        }
        let anywhere = Store::new(&DatabaseConfig::from_url("postgresql://localhost"))?;
        self.writer_on(anywhere, models, plugins).map(drop)
    }

    /// The topics that are bound, sorted.
    pub fn topic_names(&self) -> Vec<String> {
        self.topics.topics.0.keys().cloned().collect()
    }

    /// The same on a store that is there already.
    pub fn writer_on(&self, store: Store, models: &Models, plugins: &Plugins) -> Result<Writer, StoreError> {
        if self.group_id.is_empty() || self.group_id.contains('\0') {
            return Err(StoreError::Setting("--group-id is empty".into()));
        }
        models.check().map_err(StoreError::Setting)?;
        let topics = Topics::new(&self.topics, models).map_err(|e| StoreError::Setting(e.to_string()))?;
        let on = plugins.switched_on(&self.plugins).map_err(StoreError::Setting)?;
        let writer = Writer::new(store, models.clone(), topics, self.group_id.clone());
        Ok(writer.with_plugins(on.database()).with_decoders(on.decoders()).with_limits(self.limits.clone()))
    }
}
