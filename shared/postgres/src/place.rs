//! The data folder and what lies beside it: log, lock, password.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::Error;

/// The absolute paths of one server.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// The data folder, resolved: it is compared with what the system says of processes.
    pub(crate) data_dir: PathBuf,
    /// The folder above it.
    pub(crate) folder: PathBuf,
    /// The server's log.
    pub(crate) log: PathBuf,
    /// The password of the role `weir`.
    pub(crate) password: PathBuf,
    /// Where a new data folder is made before it is moved into its place.
    pub(crate) unfinished: PathBuf,
}

impl Place {
    /// Makes the folder above the data and resolves every path.
    pub(crate) fn prepare(data_dir: &Path) -> Result<Self, Error> {
        let wanted = std::path::absolute(data_dir).map_err(Error::folder(data_dir))?;
        let (Some(folder), Some(name)) = (wanted.parent(), wanted.file_name()) else {
            let source = io::Error::from(io::ErrorKind::IsADirectory);
            return Err(Error::Folder { path: wanted, source });
        };
        fs::create_dir_all(folder).map_err(Error::folder(folder))?;
        let folder = folder.canonicalize().map_err(Error::folder(folder))?;
        let beside = |ending: &str| {
            let mut name = name.to_os_string();
            name.push(ending);
            folder.join(name)
        };
        let data_dir = beside("");
        Ok(Self {
            // A link to another disk is welcome.
            data_dir: data_dir.canonicalize().unwrap_or(data_dir),
            log: beside(".log"),
            password: beside("-password"),
            unfinished: beside(".new"),
            folder,
        })
    }

    /// Takes the lock on the data folder; it is free again when it is dropped or the process
    /// ends, however it ends.
    pub(crate) fn lock(&self) -> Result<Lock, Error> {
        let path = lock_of(&self.data_dir);
        let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path).map_err(Error::folder(&path))?;
        match file.try_lock() {
            Ok(()) => Ok(Lock(file)),
            Err(TryLockError::WouldBlock) => Err(Error::InUse { dir: self.data_dir.clone() }),
            Err(TryLockError::Error(source)) => Err(Error::Folder { path, source }),
        }
    }

    /// The major version that wrote the data; `None` when there is no data yet.
    pub(crate) fn data_version(&self) -> Option<u32> {
        fs::read_to_string(self.data_dir.join("PG_VERSION")).ok()?.trim().parse().ok()
    }

    /// User and group that own the data; `None` when there is no data yet.
    pub(crate) fn data_owner(&self) -> Option<(u32, u32)> {
        fs::metadata(self.data_dir.join("PG_VERSION")).ok().map(|meta| (meta.uid(), meta.gid()))
    }

    /// The password of existing data.
    pub(crate) fn read_password(&self) -> Result<String, Error> {
        let text = match fs::read_to_string(&self.password) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(source) => {
                return Err(Error::Folder { path: self.password.clone(), source });
            }
        };
        let text = text.trim();
        if text.is_empty() {
            return Err(Error::NoPassword { path: self.password.clone() });
        }
        Ok(text.to_owned())
    }

    /// Keeps a new password, for its owner only.
    pub(crate) fn write_password(&self, password: &str) -> Result<(), Error> {
        let unfinished = self.password.with_added_extension("new");
        write_secret(&unfinished, password)?;
        fs::rename(&unfinished, &self.password).map_err(Error::folder(&self.password))
    }
}

/// Whether another process has the lock on this data folder.
pub fn is_in_use(data_dir: &Path) -> bool {
    let data_dir = data_dir.canonicalize().unwrap_or_else(|_| data_dir.to_owned());
    let taken = |file: File| match file.try_lock_shared() {
        Ok(()) => {
            drop(Lock(file));
            false
        }
        Err(error) => matches!(error, TryLockError::WouldBlock),
    };
    File::open(lock_of(&data_dir)).is_ok_and(taken)
}

fn lock_of(data_dir: &Path) -> PathBuf {
    data_dir.with_added_extension("lock")
}

/// The lock on a data folder.
#[derive(Debug)]
pub(crate) struct Lock(File);

impl Drop for Lock {
    /// To close the file is not enough: a child of another thread has it too, from its fork to
    /// its exec, and `flock(2)` holds until the last copy is closed.
    fn drop(&mut self) {
        // What fails here ends with the process.
        let _ = self.0.unlock();
    }
}

/// Writes a file that only its owner may read, replacing what is there.
pub(crate) fn write_secret(path: &Path, text: &str) -> Result<(), Error> {
    let write = || {
        if path.exists() {
            fs::remove_file(path)?;
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        writeln!(file, "{text}")?;
        file.sync_all()
    };
    write().map_err(Error::folder(path))
}

/// 128 bits from the system, as hex: safe in a URL and in a shell.
pub(crate) fn new_password() -> Result<String, Error> {
    let source = Path::new("/dev/urandom");
    let mut bytes = [0; 16];
    File::open(source).and_then(|mut file| file.read_exact(&mut bytes)).map_err(Error::folder(source))?;
    Ok(format!("{:032x}", u128::from_ne_bytes(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_free_at_once_while_a_forked_child_has_its_file() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let place = Place::prepare(&folder.path().join("postgres"))?;
        let lock = place.lock()?;
        let child = lock.0.try_clone()?;
        assert!(matches!(place.lock(), Err(Error::InUse { .. })));
        assert!(is_in_use(&place.data_dir));
        drop(lock);
        assert!(!is_in_use(&place.data_dir));
        place.lock()?;
        drop(child);
        Ok(())
    }
}
