#![doc = include_str!("../README.md")]

pub mod avro;
pub mod daily_totals;

use std::sync::Arc;

use axum::Router;
pub use weir_model::{DecodeError, Decoder, Migration, value::Frame};
pub use weir_store::{DatabasePlugin, NewEvent, PluginError, Reapply, Store, StoreError, Tx};

/// A plugin with HTTP routes.
pub trait ApiPlugin: Send + Sync + 'static {
    /// Returns the name. The routes of the plugin are below `/plugins/<name>`.
    fn name(&self) -> &'static str;

    /// Returns the routes, relative to that path. Their errors become problem+json, as all errors
    /// of the API.
    ///
    /// In `weir` a handler shares its thread with other requests. Long work belongs into
    /// `tokio::task::spawn_blocking`, and `block_in_place` panics. Tasks that a handler spawns end
    /// with the HTTP server.
    fn routes(&self, store: Store) -> Router;

    /// Describes the routes for `/openapi.json`: OpenAPI 3.1 path items by relative path (`/` for
    /// the plugin's own path).
    fn openapi(&self) -> serde_json::Value {
        serde_json::Value::Null
    }
}

/// The parts of a plugin that one name enables.
#[derive(Clone)]
pub struct Plugin {
    /// The name in `--plugins`.
    pub name: &'static str,
    /// The part that gets new events.
    pub database: Option<Arc<dyn DatabasePlugin>>,
    /// The part with HTTP routes.
    pub api: Option<Arc<dyn ApiPlugin>>,
    /// The part that decodes values.
    pub decoder: Option<Arc<dyn Decoder>>,
}

impl Plugin {
    /// Creates a plugin with this name and without any part.
    pub fn new(name: &'static str) -> Self {
        Self { name, database: None, api: None, decoder: None }
    }

    /// Adds the part that gets new events.
    #[must_use]
    pub fn database(mut self, plugin: impl DatabasePlugin) -> Self {
        self.database = Some(Arc::new(plugin));
        self
    }

    /// Adds the part with HTTP routes.
    #[must_use]
    pub fn api(mut self, plugin: impl ApiPlugin) -> Self {
        self.api = Some(Arc::new(plugin));
        self
    }

    /// Adds the part that decodes values.
    #[must_use]
    pub fn decoder(mut self, decoder: impl Decoder) -> Self {
        self.decoder = Some(Arc::new(decoder));
        self
    }
}

/// The list of plugins that a program knows. `--plugins` names the plugins that are enabled.
#[derive(Clone, Default)]
pub struct Plugins(Vec<Plugin>);

/// Returns Weir's own plugins.
pub fn builtin() -> Plugins {
    Plugins(vec![
        Plugin::new("daily_totals")
            .database(daily_totals::DailyTotals)
            .api(daily_totals::DailyTotals),
    ])
}

/// The enabled plugins and their settings.
#[derive(Debug, Clone, Default)]
pub struct PluginsConfig {
    /// Names of the plugins to enable, in order.
    pub plugins: Vec<String>,
    /// Schemas of the topics whose values are Avro.
    pub avro: Vec<avro::AvroSchema>,
}

impl Plugins {
    /// Adds a plugin, which may come from another workspace.
    #[must_use]
    pub fn with(mut self, plugin: Plugin) -> Self {
        self.0.push(plugin);
        self
    }

    /// Returns the plugins that the settings enable, in their order, and the decoder for Avro
    /// topics. The error is one line.
    pub fn switched_on(&self, config: &PluginsConfig) -> Result<Self, String> {
        let mut on = Vec::new();
        for name in config.plugins.iter().map(|n| n.trim()).filter(|n| !n.is_empty()) {
            let known = || self.0.iter().map(|p| p.name).collect::<Vec<_>>().join(", ");
            let plugin =
                self.0.iter().find(|p| p.name == name).ok_or_else(|| {
                    format!("unknown plugin {name:?}; the plugins are: {}", known())
                })?;
            if on.iter().any(|p: &Plugin| p.name == name) {
                return Err(format!("plugin {name:?} is enabled twice: name it once"));
            }
            on.push(plugin.clone());
        }
        if !config.avro.is_empty() {
            on.push(Plugin::new("avro").decoder(avro::AvroDecoder::new(&config.avro)?));
        }
        Ok(Self(on))
    }

    /// Returns the database plugins, in order.
    pub fn database(&self) -> Vec<Arc<dyn DatabasePlugin>> {
        self.0.iter().filter_map(|p| p.database.clone()).collect()
    }

    /// Returns the API plugins, in order.
    pub fn api(&self) -> Vec<Arc<dyn ApiPlugin>> {
        self.0.iter().filter_map(|p| p.api.clone()).collect()
    }

    /// Returns the decoders, in order.
    pub fn decoders(&self) -> Vec<Arc<dyn Decoder>> {
        self.0.iter().filter_map(|p| p.decoder.clone()).collect()
    }

    /// Returns the names of the plugins, in order.
    pub fn names(&self) -> Vec<&'static str> {
        self.0.iter().map(|p| p.name).collect()
    }
}
