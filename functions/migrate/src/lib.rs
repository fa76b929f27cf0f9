#![doc = include_str!("../README.md")]

mod config;
mod custom_resource;
mod deployment;

use weir_model::Models;
use weir_plugin::Plugins;
use weir_settings::{DataSettings, Wanted};
use weir_store::{DatabaseRoles, Store, StoreError, migrate};

pub use config::MigrateConfig;
pub use custom_resource::CustomResource;
pub use deployment::{Deployed, Deployment, Properties};

/// How the wanted settings of the data meet those that are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meet {
    /// They are set where nothing is, and have to agree with the rest.
    Agree,
    /// They are what the deployment says.
    Replace,
}

/// What was done.
#[derive(Debug, Clone)]
pub struct Migrated {
    /// A line for each step.
    pub applied: Vec<String>,
    /// The settings of the data that are in force.
    pub data: DataSettings,
    /// What could not be done, each line with its remedy.
    pub notes: Vec<String>,
}

/// Applies everything that is missing, months of the log included, makes the roles that are asked
/// for, and stores the settings of the data.
pub async fn handle(
    store: &Store,
    models: &Models,
    plugins: &Plugins,
    wanted: &Wanted,
    meet: Meet,
    roles: DatabaseRoles,
) -> Result<Migrated, StoreError> {
    // The settings lie in the schema, and say which plugins have one: mostly those that are asked
    // for.
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
