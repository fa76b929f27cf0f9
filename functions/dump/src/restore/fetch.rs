//! Fetches the files of a dump and checks them against their manifest.

use std::fs::File as LocalFile;

use weir_blob::{Blobs, Layout, Manifest, ManifestFile, UtcDay};

use crate::DumpError;

/// Fetches a file into a temporary file without a name. Fails when its length or its SHA-256 is not
/// the one in the manifest.
pub(crate) async fn fetch(
    blobs: &Blobs,
    manifest: &Manifest,
    file: &ManifestFile,
) -> Result<LocalFile, DumpError> {
    Ok(blobs.fetch(&manifest.path(file), file.bytes, &file.sha256).await?)
}

/// Fetches the manifest of a day. Fails when the day was not dumped.
pub(crate) async fn fetch_manifest(
    blobs: &Blobs,
    model: &str,
    day: UtcDay,
) -> Result<Manifest, DumpError> {
    blobs.manifest(model, day).await?.ok_or_else(|| {
        DumpError::Refused(format!(
            "{} has no dump of {model} {day}: the file {} is missing",
            blobs.url(),
            Layout::Tables.manifest(model, day)
        ))
    })
}
