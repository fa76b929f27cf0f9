//! `weir migrate`, `weir migrate status`.

use weir_model::Models;
use weir_plugin::Plugins;
use weir_store::migrate;

use crate::{Exit, Settings, database::Database, output::say, progress};

pub(super) async fn run(settings: &Settings, models: &Models, plugins: &Plugins, only_status: bool) -> Result<(), Exit> {
    let on = plugins.switched_on(&settings.ingest.plugins).map_err(Exit::usage)?;
    let database = if only_status { Database::open_or_join(settings).await? } else { Database::open_or_create(settings).await? };
    if only_status {
        for step in migrate::status(&database.store, models, &on.database()).await? {
            say!("{:<8} {:<14} V{} {}", if step.applied { "applied" } else { "missing" }, step.owner, step.version, step.name);
        }
    } else {
        let spinner = progress::spinner("migrating");
        let steps = weir_migrate::handle(&database.store, models, &on).await;
        spinner.finish_and_clear();
        let steps = steps?;
        for step in &steps {
            say!("applied {step}");
        }
        if steps.is_empty() {
            say!("the schema is up to date");
        }
        for note in migrate::reader_notes(&database.store).await? {
            say!("{note}");
        }
    }
    database.close().await
}
