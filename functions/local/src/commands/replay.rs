//! `weir replay --model M | --plugin P`.

use weir_model::{Micros, Models};
use weir_plugin::Plugins;
use weir_store::replay::{self, Selection};

use crate::{Exit, Settings, database::Database, output::say, progress, settings::ReplayArgs};

pub(super) async fn run(settings: &Settings, models: &Models, plugins: &Plugins, args: &ReplayArgs) -> Result<(), Exit> {
    Database::with(settings, async |store| {
        let writer = settings.ingest.writer_on(store.clone(), models, plugins)?;
        let bar = progress::bar("replaying");
        let line = if let Some(model) = &args.what.model {
            let midnight = args.from.map(|day| day.in_tz("UTC").map(|z| Micros(z.timestamp().as_microsecond())));
            let from = midnight.transpose().map_err(Exit::usage)?;
            let selection = Selection { topic: args.topic.clone(), from };
            let done = replay::model(&writer, model, &selection, &progress::on(&bar)).await;
            bar.finish_and_clear();
            let done = done?;
            let how = if done.rebuilt { "rebuilt" } else { "brought up to date" };
            format!(
                "{model} {how}: {} records, {} events, {} no longer skipped, {} refused now",
                done.records, done.events, done.promoted, done.refused
            )
        } else {
            let plugin = args.what.plugin.as_deref().unwrap_or_default();
            let streams = replay::plugin(&writer, plugin, &progress::on(&bar)).await;
            bar.finish_and_clear();
            format!("{plugin} computed anew: {} streams", streams?)
        };
        say!("{line}");
        Ok(())
    })
    .await
}
