#![doc = include_str!("../README.md")]

mod config;
mod custom_resource;
mod deployment;
mod packaged;
mod parameters;

use weir_model::Models;
use weir_plugin::Plugins;
use weir_settings::{DataSettings, Wanted};
use weir_store::{DatabaseRoles, Store, StoreError, migrate};

pub use config::MigrateConfig;
pub use custom_resource::CustomResource;
pub use deployment::{Deployed, Deployment, Properties};

/// How the wanted settings of the data are combined with the stored ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meet {
    /// Stores the wanted settings that are missing. The others must be equal to the stored ones.
    Agree,
    /// Replaces the stored settings with those of the deployment.
    Replace,
}

/// The result of [`handle`].
#[derive(Debug, Clone)]
pub struct Migrated {
    /// A line for each step.
    pub applied: Vec<String>,
    /// The settings of the data that are now valid.
    pub data: DataSettings,
    /// The steps that could not be done, each line with its remedy.
    pub notes: Vec<String>,
}

/// Applies all missing migrations, including the months of the log, creates the wanted roles, and
/// stores the settings of the data.
pub async fn handle(
    store: &Store,
    models: &Models,
    plugins: &Plugins,
    wanted: &Wanted,
    meet: Meet,
    roles: DatabaseRoles,
) -> Result<Migrated, StoreError> {
    // The settings that decide which plugins are on are in the schema, which may not exist yet. So
    // the first run uses the wanted plugins, mostly the same ones.
    let first = wanted.alone()?.switched_on(plugins)?;
    let mut steps = migrate::run_with_roles(store, models, &first.database(), roles).await?;
    let data = match meet {
        Meet::Agree => wanted.start(store, models, plugins).await?,
        Meet::Replace => wanted.apply(store, "deployment", models, plugins).await?,
    };
    let on = data.switched_on(plugins)?;
    if on.names() != first.names() {
        steps.extend(migrate::run_with_roles(store, models, &on.database(), roles).await?);
    }
    let applied = steps.iter().map(|s| format!("{} V{} {}", s.owner, s.version, s.name)).collect();
    Ok(Migrated { applied, data, notes: migrate::reader_notes(store).await? })
}
