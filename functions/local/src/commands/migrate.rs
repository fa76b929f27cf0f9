//! `weir migrate`, `weir migrate status`.

use serde_json::{Value, json};
use weir_migrate::Meet;
use weir_model::Models;
use weir_plugin::Plugins;
use weir_store::{DatabaseRoles, StoreError, migrate};

use crate::{
    Exit, Settings,
    database::Database,
    output::{print_json, say},
    progress,
};

pub(super) async fn run(
    settings: &Settings,
    models: &Models,
    plugins: &Plugins,
) -> Result<(), Exit> {
    let wanted = settings.wanted()?;
    wanted.check(models, plugins)?;
    let database = Database::open_or_create(settings).await?;
    let spinner = progress::spinner("migrating");
    let migrated = weir_migrate::handle(
        &database.store,
        models,
        plugins,
        &wanted,
        Meet::Agree,
        DatabaseRoles::None,
    )
    .await;
    spinner.finish_and_clear();
    let closed = database.close().await;
    let migrated = migrated?;
    for step in &migrated.applied {
        say!("applied {step}");
    }
    if migrated.applied.is_empty() {
        say!("the schema is up to date");
    }
    for note in &migrated.notes {
        say!("{note}");
    }
    closed
}

pub(super) async fn status(
    settings: &Settings,
    models: &Models,
    plugins: &Plugins,
    json: bool,
) -> Result<(), Exit> {
    let wanted = settings.wanted()?;
    wanted.check(models, plugins)?;
    let steps = Database::with(settings, async |store| {
        let data = match wanted.in_force(store).await {
            // An older schema has no stored plugins.
            Err(StoreError::Schema(_)) => wanted.alone()?,
            other => other?,
        };
        Ok(migrate::status(store, models, &data.switched_on(plugins)?.database()).await?)
    });
    let steps = steps.await?;
    if json {
        let step = |step: &migrate::Step| {
            json!({
                "owner": step.owner, "version": step.version, "name": step.name,
                "applied": step.applied,
            })
        };
        print_json(&steps.iter().map(step).collect::<Value>());
        return Ok(());
    }
    for step in &steps {
        say!(
            "{:<8} {:<14} V{} {}",
            if step.applied { "applied" } else { "missing" },
            step.owner,
            step.version,
            step.name
        );
    }
    Ok(())
}
