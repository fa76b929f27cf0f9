//! Fetches the files of a dump and checks them against their manifest.

use std::fs::File as LocalFile;

use weir_blob::{BlobError, Blobs, Manifest, ManifestFile, UtcDay, layout};

use crate::DumpError;

/// Fetches a file into a temporary file without a name. Fails when its length or its SHA-256 is not
/// the one in the manifest.
pub(crate) async fn fetch(
    blobs: &Blobs,
    folder: &str,
    file: &ManifestFile,
) -> Result<LocalFile, DumpError> {
    let path = [folder, "/", &file.name].concat();
    Ok(blobs.fetch(&path, file.bytes, &file.sha256).await?)
}

/// Fetches the manifest of a day. Fails when the day was not dumped.
pub(crate) async fn fetch_manifest(
    blobs: &Blobs,
    model: &str,
    day: UtcDay,
) -> Result<Manifest, DumpError> {
    let path = [&layout::day(model, day), "/", layout::MANIFEST].concat();
    let Some(json) = blobs.get(&path).await? else {
        return Err(DumpError::Refused(format!(
            "{} has no dump of {model} {day}: the file {path} is missing",
            blobs.url()
        )));
    };
    let damaged = |fault| DumpError::Blob(BlobError::Damaged { path: path.clone(), fault });
    let manifest = Manifest::parse(&json).map_err(damaged)?;
    if manifest.model != model || manifest.day != day {
        return Err(damaged(format!("is the manifest of {} {}", manifest.model, manifest.day)));
    }
    if let Some(file) = manifest.files.iter().find(|f| !layout::is_file(&f.name)) {
        return Err(damaged(format!(
            "has the file name {:?}, which is not a name of a dump's file",
            file.name
        )));
    }
    Ok(manifest)
}
