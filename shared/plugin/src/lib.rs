#![doc = include_str!("../README.md")]

pub mod avro;
pub mod daily_totals;

use std::sync::Arc;

use axum::Router;
pub use weir_model::{DecodeError, Decoder, Migration, value::Frame};
pub use weir_store::{DatabasePlugin, NewEvent, PluginError, Reapply, Store, StoreError, Tx};

/// A plugin that answers HTTP.
pub trait ApiPlugin: Send + Sync + 'static {
    /// The name; its routes stand below `/plugins/<name>`.
    fn name(&self) -> &'static str;

    /// Its routes, relative to that path. Errors answer problem+json, as everywhere.
    ///
    /// In `weir` a handler shares its thread with other requests: long work belongs into
    /// `tokio::task::spawn_blocking`, and `block_in_place` panics. What it spawns ends with HTTP.
    fn routes(&self, store: Store) -> Router;

    /// What its routes are, for `/openapi.json`: OpenAPI 3.1 path items by relative path (`/` for
    /// the plugin's own).
    fn openapi(&self) -> serde_json::Value {
        serde_json::Value::Null
    }
}

/// Everything that one name switches on.
#[derive(Clone)]
pub struct Plugin {
    /// The name in `--plugins`.
    pub name: &'static str,
    /// What it does with new events.
    pub database: Option<Arc<dyn DatabasePlugin>>,
    /// What it answers.
    pub api: Option<Arc<dyn ApiPlugin>>,
    /// What it decodes.
    pub decoder: Option<Arc<dyn Decoder>>,
}

impl Plugin {
    /// A plugin of that name that does nothing yet.
    pub fn new(name: &'static str) -> Self {
        Self { name, database: None, api: None, decoder: None }
    }

    /// With a database side.
    #[must_use]
    pub fn database(mut self, plugin: impl DatabasePlugin) -> Self {
        self.database = Some(Arc::new(plugin));
        self
    }

    /// With routes.
    #[must_use]
    pub fn api(mut self, plugin: impl ApiPlugin) -> Self {
        self.api = Some(Arc::new(plugin));
        self
    }

    /// With a decoder.
    #[must_use]
    pub fn decoder(mut self, decoder: impl Decoder) -> Self {
        self.decoder = Some(Arc::new(decoder));
        self
    }
}

/// The list of plugins that a program knows. `--plugins` says which of them are switched on.
#[derive(Clone, Default)]
pub struct Plugins(Vec<Plugin>);

/// Weir's own plugins.
pub fn builtin() -> Plugins {
    Plugins(vec![
        Plugin::new("daily_totals")
            .database(daily_totals::DailyTotals)
            .api(daily_totals::DailyTotals),
    ])
}

/// Which plugins are switched on, and what they need.
#[derive(Debug, Clone, Default)]
pub struct PluginsConfig {
    /// Plugins to switch on, in order.
    pub plugins: Vec<String>,
    /// Topics whose values are Avro.
    pub avro: Vec<avro::AvroSchema>,
}

impl Plugins {
    /// Adds one from outside this workspace.
    #[must_use]
    pub fn with(mut self, plugin: Plugin) -> Self {
        self.0.push(plugin);
        self
    }

    /// Those that the settings switch on, in their order, and the decoders that they ask for. The
    /// error is one line that names what is wrong.
    pub fn switched_on(&self, config: &PluginsConfig) -> Result<Self, String> {
        let mut on = Vec::new();
        for name in config.plugins.iter().map(|n| n.trim()).filter(|n| !n.is_empty()) {
            let known = || self.0.iter().map(|p| p.name).collect::<Vec<_>>().join(", ");
            let plugin =
                self.0.iter().find(|p| p.name == name).ok_or_else(|| {
                    format!("there is no plugin {name:?}; there are: {}", known())
                })?;
            if on.iter().any(|p: &Plugin| p.name == name) {
                return Err(format!("plugin {name:?} is switched on twice"));
            }
            on.push(plugin.clone());
        }
        if !config.avro.is_empty() {
            on.push(Plugin::new("avro").decoder(avro::AvroDecoder::new(&config.avro)?));
        }
        Ok(Self(on))
    }

    /// The database plugins, in order.
    pub fn database(&self) -> Vec<Arc<dyn DatabasePlugin>> {
        self.0.iter().filter_map(|p| p.database.clone()).collect()
    }

    /// The API plugins, in order.
    pub fn api(&self) -> Vec<Arc<dyn ApiPlugin>> {
        self.0.iter().filter_map(|p| p.api.clone()).collect()
    }

    /// The decoders, in order.
    pub fn decoders(&self) -> Vec<Arc<dyn Decoder>> {
        self.0.iter().filter_map(|p| p.decoder.clone()).collect()
    }

    /// Their names, in order.
    pub fn names(&self) -> Vec<&'static str> {
        self.0.iter().map(|p| p.name).collect()
    }
}
