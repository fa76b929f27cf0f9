//! `weir apply FILE…`: changes the settings of the data in the database.

use weir_model::Models;
use weir_plugin::Plugins;

use crate::{Exit, Settings, confirm::Plan, database::Database, output::say, settings::ApplyArgs};

pub(super) async fn run(
    settings: &Settings,
    models: &Models,
    plugins: &Plugins,
    args: &ApplyArgs,
) -> Result<(), Exit> {
    // The tables of the files were already read into the settings.
    let wanted = settings.wanted()?;
    if wanted.tables.is_empty() && wanted.given == weir_settings::Given::default() {
        return Err(Exit::usage(
            "nothing to change: give a FILE with [topics.NAME] or [retention], or flags such as \
                --topics",
        ));
    }
    Database::with(settings, async |store| {
        let what = wanted.plan(store, models, plugins).await?;
        if what.is_empty() {
            say!("the database already has these settings");
            return Ok(());
        }
        let undo = "run `weir apply` with the values on the left; the table settings keeps every \
            version"
            .to_owned();
        Plan { what, undo }.confirm(args.confirmation).await?;
        wanted.apply(store, weir_settings::BY_HAND, models, plugins).await?;
        say!("done; running programs read the settings at their next start");
        Ok(())
    })
    .await
}
