//! `weir replay --model M | --plugin P`.

use std::sync::Arc;

use weir_model::{Micros, Models};
use weir_plugin::Plugins;
use weir_store::{
    Writer,
    log::LogPosition,
    replay::{self, Part, Replayed, Selection},
};

use crate::{
    Exit, Settings, confirm::Plan, database::Database, dumps, output::say, part, progress,
    settings::ReplayArgs,
};

pub(super) async fn run(
    settings: &Settings,
    models: &Models,
    plugins: &Plugins,
    args: &ReplayArgs,
) -> Result<(), Exit> {
    Database::with(settings, async |store| {
        let writer = settings.writer(store, models, plugins).await?;
        let writer = writer.with_archive(Arc::new(dumps::archive(settings)?));
        let line = if let Some(model) = &args.what.model {
            let midnight = args
                .from
                .map(|day| day.in_tz("UTC").map(|z| Micros(z.timestamp().as_microsecond())));
            let from = midnight.transpose().map_err(Exit::usage)?;
            let selection = Selection { topic: args.topic.clone(), from };
            let after: Option<(LogPosition, Replayed)> = part::state()?;
            // The confirmation is for the whole replay.
            if after.is_none() {
                of_model(model, &replay::plan(&writer, model, &selection).await?)
                    .confirm(args.confirmation)
                    .await?;
            }
            let bar = progress::bar("replaying");
            let part = Part { after, deadline: part::ends() };
            let done =
                replay::model_part(&writer, model, &selection, &part, &progress::on(&bar)).await;
            bar.finish_and_clear();
            let (done, next) = done?;
            if let Some(position) = next {
                return Err(part::go_on(&(position, done)));
            }
            let how = if done.rebuilt { "rebuilt" } else { "updated" };
            format!(
                "{model} {how}: {} records, {} events, {} no longer skipped, {} newly refused",
                done.records, done.events, done.promoted, done.refused
            )
        } else {
            let plugin = args.what.plugin.as_deref().unwrap_or_default();
            of_plugin(&writer, plugin)?.confirm(args.confirmation).await?;
            let bar = progress::bar("replaying");
            let streams = replay::plugin(&writer, plugin, &progress::on(&bar)).await;
            bar.finish_and_clear();
            format!("{plugin} recomputed: {} streams", streams?)
        };
        say!("{line}");
        Ok(())
    })
    .await
}

fn of_model(model: &str, plan: &replay::Plan) -> Plan {
    let read =
        format!("{} records of {} will be read from the log", plan.records, plan.topics.join(", "));
    let write = match plan.emptied.as_slice() {
        [] => format!("rows of {model} will be updated; no row will be deleted"),
        tables => format!(
            "{} will be emptied and rebuilt in one transaction; ingest of these topics waits until \
                its end",
            tables.join(", ")
        ),
    };
    Plan {
        what: vec![read, write],
        undo: format!(
            "the log is not changed: run `weir replay --model {model}` with the earlier program"
        ),
    }
}

fn of_plugin(writer: &Writer, plugin: &str) -> Result<Plan, Exit> {
    replay::switched_on(writer, plugin)?;
    Ok(Plan {
        what: vec![format!(
            "the tables of plugin {plugin} will be recomputed from the log, stream by stream; \
                ingest of a stream waits until its end"
        )],
        undo: format!(
            "the log is not changed: run `weir replay --plugin {plugin}` with the earlier program"
        ),
    })
}
