//! Fetches the files of a dump and checks them against their manifest.

use std::{fs::File as LocalFile, io::Write as _};

use data_encoding::HEXLOWER;
use futures_util::TryStreamExt;
use sha2::{Digest, Sha256};
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
    let mut reading = blobs.read(&path).await?;
    let cannot =
        |e: std::io::Error| DumpError::Broken(format!("cannot write a temporary file: {e}"));
    let mut local = tempfile::tempfile().map_err(cannot)?;
    let (mut sha256, mut bytes) = (Sha256::new(), 0_u64);
    while let Some(piece) = reading.content.try_next().await? {
        bytes += piece.len() as u64;
        sha256.update(&piece);
        local.write_all(&piece).map_err(cannot)?;
    }
    let found = HEXLOWER.encode(&sha256.finalize());
    let damaged =
        |fault: String| Err(DumpError::Blob(BlobError::Damaged { path: path.clone(), fault }));
    if bytes != file.bytes {
        return damaged(format!("has {bytes} bytes, but its manifest has {}", file.bytes));
    }
    if found != file.sha256 {
        return damaged("has a different SHA-256 than its manifest".to_owned());
    }
    std::io::Seek::rewind(&mut local).map_err(cannot)?;
    Ok(local)
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
