//! `weir restore --from URL --model M --day D`.

use weir_blob::Blobs;
use weir_dump::{DumpError, restore};
use weir_model::Models;
use weir_store::Store;

use crate::{
    Exit, Settings, database::Database, dumps, output::say, progress, settings::RestoreArgs,
};

pub(super) async fn run(
    settings: &Settings,
    models: &Models,
    args: &RestoreArgs,
) -> Result<(), Exit> {
    let config = dumps::config(settings)?;
    let from = args
        .from
        .as_ref()
        .or(config.blob.blob_url.as_ref())
        .ok_or_else(|| Exit::usage("give --from"))?;
    let blobs = Blobs::open(from).map_err(DumpError::from)?;
    let bar = progress::bar("restoring");
    let restored = async |store: &Store| {
        Ok(restore(store, models, &blobs, &args.model, args.day, &progress::on(&bar)).await?)
    };
    let rows = Database::with(settings, restored).await;
    bar.finish_and_clear();
    let rows = rows?;
    say!("restored {} {}: {rows} rows", args.model, args.day);
    if let Some([_, others @ ..]) = models.get(&args.model).map(|model| model.tables())
        && !others.is_empty()
    {
        let others = others.join(", ");
        say!(
            "{others} are derived from the log: restore the days of the log too, then run `weir \
                replay --model {}`",
            args.model
        );
    }
    Ok(())
}
