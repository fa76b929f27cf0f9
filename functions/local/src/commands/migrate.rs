//! `weir migrate`, `weir migrate status`.

use weir_migrate::Meet;
use weir_model::Models;
use weir_plugin::Plugins;
use weir_store::{DatabaseRoles, StoreError, migrate};

use crate::{Exit, Settings, database::Database, output::say, progress};

pub(super) async fn run(
    settings: &Settings,
    models: &Models,
    plugins: &Plugins,
    only_status: bool,
) -> Result<(), Exit> {
    let wanted = settings.wanted()?;
    wanted.check(models, plugins)?;
    if only_status {
        let status = Database::with(settings, async |store| {
            let data = match wanted.in_force(store).await {
                // An older schema has no stored plugins.
                Err(StoreError::Schema(_)) => wanted.alone()?,
                other => other?,
            };
            Ok(migrate::status(store, models, &data.switched_on(plugins)?.database()).await?)
        });
        for step in status.await? {
            say!(
                "{:<8} {:<14} V{} {}",
                if step.applied { "applied" } else { "missing" },
                step.owner,
                step.version,
                step.name
            );
        }
        return Ok(());
    }
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
