//! A folder with the programs of PostgreSQL.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A folder that contains `initdb` and `postgres`.
#[derive(Debug, Clone)]
pub(crate) struct Binaries {
    dir: PathBuf,
    pub(crate) major: u32,
}

impl Binaries {
    /// Returns the binaries in `dir`, of any version.
    ///
    /// Symbolic links are resolved, because PostgreSQL finds its other files relative to the real
    /// path of its program.
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

/// Parses `postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)` as 15; betas are written
/// `17beta1`.
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
        assert_eq!(
            major_version("postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)\n"),
            Some(15)
        );
        assert_eq!(major_version("postgres (PostgreSQL) 18beta2\n"), Some(18));
        assert_eq!(major_version("postgres (PostgreSQL) 9.6.1\n"), Some(9));
        assert_eq!(major_version("something else"), None);
    }
}
