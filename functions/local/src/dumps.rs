//! Settings for the program's dumps.

use weir_archive::ArchiveReader;
use weir_blob::{BlobUrl, Blobs};
use weir_dump::{DumpConfig, DumpError, Dumper};
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

/// Returns a reader of the archive, which is where the dumps are. A folder may not exist yet.
pub(crate) fn archive(settings: &Settings) -> Result<ArchiveReader, Exit> {
    let url = config(settings)?.blob.blob_url;
    let url = url.filter(|url| !matches!(url, BlobUrl::File(folder) if !folder.is_dir()));
    Ok(ArchiveReader::new(url.as_ref().map(Blobs::open).transpose().map_err(DumpError::from)?))
}

/// Creates the dumper for these settings.
pub(crate) fn dumper(settings: &Settings, models: &Models, store: &Store) -> Result<Dumper, Exit> {
    let dumper = Dumper::new(store.clone(), models, &config(settings)?)?;
    Ok(dumper.with_reader(Store::of_reader(&settings.reader, &settings.ingest.database)?))
}
