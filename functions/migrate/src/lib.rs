#![doc = include_str!("../README.md")]

mod config;
mod custom_resource;
mod deployment;

use weir_model::Models;
use weir_plugin::Plugins;
use weir_store::{DatabaseRoles, Store, StoreError, migrate};

pub use config::MigrateConfig;
pub use custom_resource::CustomResource;
pub use deployment::{Deployed, Deployment, Properties};

/// Applies everything that is missing, months of the log included, and gives one line for each step.
pub async fn handle(store: &Store, models: &Models, plugins: &Plugins) -> Result<Vec<String>, StoreError> {
    handle_with_roles(store, models, plugins, DatabaseRoles::None).await
}

/// The same, and makes the roles of the functions.
pub async fn handle_with_roles(store: &Store, models: &Models, plugins: &Plugins, roles: DatabaseRoles) -> Result<Vec<String>, StoreError> {
    let steps = migrate::run_with_roles(store, models, &plugins.database(), roles).await?;
    Ok(steps.iter().map(|s| format!("{} V{} {}", s.owner, s.version, s.name)).collect())
}
