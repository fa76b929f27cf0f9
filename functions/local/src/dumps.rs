//! Settings for the program's dumps.

use weir_blob::BlobUrl;
use weir_dump::{DumpConfig, Dumper};
use weir_model::Models;
use weir_store::Store;

pub(crate) use crate::clock::now;
use crate::{Exit, Settings};

/// Returns the settings of dumps. Without `--blob-url` the dumps are stored in `dumps/` in the data
/// folder.
pub(crate) fn config(settings: &Settings) -> Result<DumpConfig, Exit> {
    let mut config = settings.dump.clone();
    if config.blob.blob_url.is_none() {
        let folder = std::path::absolute(settings.data_dir.join("dumps")).map_err(Exit::usage)?;
        config.blob.blob_url = Some(BlobUrl::File(folder));
    }
    Ok(config)
}

/// Creates the dumper for these settings.
pub(crate) fn dumper(settings: &Settings, models: &Models, store: &Store) -> Result<Dumper, Exit> {
    Ok(Dumper::new(store.clone(), models, &config(settings)?)?)
}
