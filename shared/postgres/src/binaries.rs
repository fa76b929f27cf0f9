//! Finds PostgreSQL on the machine.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{Error, Options, fetch};

const MAJOR_MIN: u32 = 14;

/// Where systems put PostgreSQL: folders in the first whose names begin with the second, and
/// there `bin`.
const USUAL: [(&str, &str); 7] = [
    ("/usr/lib/postgresql", ""),
    ("/usr", "pgsql-"),
    ("/opt/homebrew/opt", "postgresql"),
    ("/usr/local/opt", "postgresql"),
    ("/Applications/Postgres.app/Contents/Versions", ""),
    ("/usr/local", "pgsql"),
    ("/usr", "local"),
];

/// A folder that holds `initdb` and `postgres`.
#[derive(Debug, Clone)]
pub(crate) struct Binaries {
    dir: PathBuf,
    major: u32,
}

impl Binaries {
    /// The ones to use: those in the given folder, else found, else fetched. Data that is there
    /// (`data_version`) wants its own major version.
    pub(crate) async fn get(options: &Options, data_dir: &Path, data_version: Option<u32>) -> Result<Self, Error> {
        let fits = |found: &Self| data_version.map_or(found.major >= MAJOR_MIN, |data| found.major == data);
        let other_version = || data_version.map(|data| Error::OtherVersion { dir: data_dir.to_path_buf(), data });
        if let Some(dir) = &options.bin_dir {
            let found = Self::at(dir).filter(|found| found.major >= MAJOR_MIN);
            let found = found.ok_or_else(|| Error::NotInFolder { dir: dir.clone() })?;
            return if fits(&found) { Ok(found) } else { Err(other_version().unwrap_or(Error::NotFound)) };
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

    /// The binaries in `dir`, whatever their version; links are followed, since PostgreSQL finds
    /// its other files from where its program really lies.
    pub(crate) fn at(dir: &Path) -> Option<Self> {
        let postgres = dir.join("postgres").canonicalize().ok()?;
        let dir = postgres.parent()?.to_path_buf();
        dir.join("initdb").is_file().then_some(())?;
        let out = Command::new(&postgres).arg("--version").stderr(Stdio::null()).output().ok()?;
        let major = major_version(&String::from_utf8_lossy(&out.stdout))?;
        Some(Self { dir, major })
    }

    pub(crate) fn initdb(&self) -> PathBuf {
        self.dir.join("initdb")
    }

    pub(crate) fn postgres(&self) -> PathBuf {
        self.dir.join("postgres")
    }
}

/// Those in `PATH` in its order, then those in the usual folders, newest first.
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
        fs::read_dir(parent)
            .into_iter()
            .flatten()
            .flatten()
            .filter(move |entry| entry.file_name().to_string_lossy().starts_with(start))
            .map(|entry| entry.path().join("bin"))
    };
    USUAL.into_iter().flat_map(below).collect()
}

/// `postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)` → 15; betas are written `17beta1`.
fn major_version(text: &str) -> Option<u32> {
    let version = text.split_once("(PostgreSQL) ")?.1;
    let digits = version.find(|c: char| !c.is_ascii_digit()).unwrap_or(version.len());
    version[..digits].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::major_version;

    #[test]
    fn the_major_version_is_read_from_every_spelling() {
        assert_eq!(major_version("postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)\n"), Some(15));
        assert_eq!(major_version("postgres (PostgreSQL) 18beta2\n"), Some(18));
        assert_eq!(major_version("postgres (PostgreSQL) 9.6.1\n"), Some(9));
        assert_eq!(major_version("something else"), None);
    }
}
