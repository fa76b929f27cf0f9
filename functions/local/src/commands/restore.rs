//! `weir restore --from URL --model M --day D`.

use weir_blob::Blobs;
use weir_dump::{DumpError, restore::restore};
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
    closed
}
