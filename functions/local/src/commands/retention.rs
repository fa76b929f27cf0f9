//! `weir retention --keep 400d`.

use weir_dump::retain;
use weir_model::Models;

use crate::{Exit, Settings, database::Database, dumps, output::say, progress};

pub(super) async fn run(settings: &Settings, models: &Models, forced: &[String]) -> Result<(), Exit> {
    let days = settings.dump.keep.ok_or_else(|| Exit::usage("say how long events are kept: --keep 400d"))?;
    dumps::config(settings)?.models(models)?;
    let spinner = progress::spinner("looking for old months");
    let retention = Database::with(settings, async |store| {
        let dumper = dumps::dumper(settings, models, store)?;
        Ok(retain(&dumper, days, dumps::now(), forced, &|what| spinner.set_message(what.to_owned())).await?)
    });
    let retention = retention.await;
    spinner.finish_and_clear();
    let retention = retention?;
    for month in &retention.dropped {
        say!("dropped {}: {} records", month.month_table, month.records);
    }
    for month in &retention.kept {
        say!("kept {}: {month}", month.month_table);
    }
    if retention.dropped.is_empty() && retention.kept.is_empty() {
        say!("no month is older than {days} days");
    }
    if retention.kept.is_empty() { Ok(()) } else { Err(Exit::failed("months stay whose days are not dumped and verified")) }
}
