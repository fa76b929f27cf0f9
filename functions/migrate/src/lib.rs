//! Applies migrations: on deploy as a function, by hand as `weir migrate`.

use weir_model::Models;
use weir_plugin::Plugins;
use weir_store::{Store, StoreError, migrate};

/// Applies everything that is missing, months of the log included, and gives one line for each step.
pub async fn handle(store: &Store, models: &Models, plugins: &Plugins) -> Result<Vec<String>, StoreError> {
    let steps = migrate::run(store, models, &plugins.database()).await?;
    Ok(steps.iter().map(|s| format!("{} V{} {}", s.owner, s.version, s.name)).collect())
}
