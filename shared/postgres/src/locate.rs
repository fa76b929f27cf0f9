//! Finds PostgreSQL in the given folder or on the machine, or downloads it.

use std::path::{Path, PathBuf};
use std::{env, fs};

use crate::{Error, Options, binaries::Binaries, fetch};

const MAJOR_MIN: u32 = 14;

/// The usual folders of PostgreSQL: a parent folder and the beginning of a subfolder's name. The
/// binaries are in `bin` of the subfolder.
const USUAL: [(&str, &str); 7] = [
    ("/usr/lib/postgresql", ""),
    ("/usr", "pgsql-"),
    ("/opt/homebrew/opt", "postgresql"),
    ("/usr/local/opt", "postgresql"),
    ("/Applications/Postgres.app/Contents/Versions", ""),
    ("/usr/local", "pgsql"),
    ("/usr", "local"),
];

/// Returns the binaries to use: from the given folder, otherwise found on the machine, otherwise
/// downloaded.
///
/// Existing data (`data_version`) needs the same major version.
pub(crate) async fn binaries(
    options: &Options,
    data_dir: &Path,
    data_version: Option<u32>,
) -> Result<Binaries, Error> {
    let fits = |found: &Binaries| {
        data_version.map_or(found.major >= MAJOR_MIN, |data| found.major == data)
    };
    let other_version =
        || data_version.map(|data| Error::OtherVersion { dir: data_dir.to_path_buf(), data });
    if let Some(dir) = &options.bin_dir {
        let found = Binaries::at(dir).filter(|found| found.major >= MAJOR_MIN);
        let found = found.ok_or_else(|| Error::NotInFolder { dir: dir.clone() })?;
        return if fits(&found) {
            Ok(found)
        } else {
            Err(other_version().unwrap_or(Error::NotFound))
        };
    }
    if options.search
        && let Some(found) = on_this_machine().into_iter().find(fits)
    {
        return Ok(found);
    }
    if options.fetch && data_version.is_none_or(|data| data == fetch::MAJOR) {
        return fetch::fetched(&options.cache_dir).await;
    }
    Err(other_version().unwrap_or(Error::NotFound))
}

/// Returns the binaries in `PATH` in its order, then the ones in the usual folders, newest first.
fn on_this_machine() -> Vec<Binaries> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut found: Vec<_> = env::split_paths(&path).filter_map(|dir| Binaries::at(&dir)).collect();
    let mut usual: Vec<_> = usual_folders().iter().filter_map(|dir| Binaries::at(dir)).collect();
    usual.sort_by_key(|binaries| std::cmp::Reverse(binaries.major));
    found.append(&mut usual);
    found
}

fn usual_folders() -> Vec<PathBuf> {
    let below = |(parent, start): (&str, &'static str)| {
        let entries = fs::read_dir(parent).into_iter().flatten().flatten();
        entries
            .filter(move |entry| entry.file_name().to_string_lossy().starts_with(start))
            .map(|entry| entry.path().join("bin"))
    };
    USUAL.into_iter().flat_map(below).collect()
}
