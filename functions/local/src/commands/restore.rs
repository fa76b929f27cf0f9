//! `weir restore --from URL --model M --day D`.

use weir_blob::Blobs;
use weir_dump::{DumpError, restore};
use weir_model::Models;

use crate::{Exit, Settings, database::Database, dumps, output::say, progress, settings::RestoreArgs};

pub(super) async fn run(settings: &Settings, models: &Models, args: &RestoreArgs) -> Result<(), Exit> {
    let config = dumps::config(settings)?;
    let from = args.from.as_ref().or(config.blob.blob_url.as_ref()).ok_or_else(|| Exit::usage("give --from"))?;
    let blobs = Blobs::open(from).map_err(DumpError::from)?;
    let database = Database::open_or_join(settings).await?;
    let bar = progress::bar("restoring");
    let heard = |done: u64, total: u64| {
        bar.set_length(total);
        bar.set_position(done);
    };
    let done = restore(&database.store, models, &blobs, &args.model, args.day, &heard).await;
    bar.finish_and_clear();
    let closed = database.close().await;
    let rows = done?;
    say!("restored {} {}: {rows} rows", args.model, args.day);
    if let Some([_, others @ ..]) = models.get(&args.model).map(|model| model.tables())
        && !others.is_empty()
    {
        let others = others.join(", ");
        say!("{others} are made from the log: when its days are restored too, run `weir replay --model {}`", args.model);
    }
    closed
}
