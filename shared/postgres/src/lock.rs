//! The lock on a data folder. One program at a time has it.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::Error;

/// The lock on a data folder. It is released when it is dropped or when the process ends in any
/// way.
#[derive(Debug)]
pub(crate) struct Lock(File);

impl Lock {
    pub(crate) fn take(data_dir: &Path) -> Result<Self, Error> {
        let path = lock_file(data_dir);
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(Error::folder(&path))?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(Error::InUse { dir: data_dir.to_owned() }),
            Err(TryLockError::Error(source)) => Err(Error::Folder { path, source }),
        }
    }
}

impl Drop for Lock {
    /// Unlocks the file explicitly. Closing it is not sufficient: a child that another thread forks
    /// has a copy of the file until its exec, and `flock(2)` keeps the lock until the last copy is
    /// closed.
    fn drop(&mut self) {
        // If unlocking fails, the lock ends with the process.
        let _ = self.0.unlock();
    }
}

/// Returns whether another process has the lock on this data folder.
pub fn is_in_use(data_dir: &Path) -> bool {
    let data_dir = data_dir.canonicalize().unwrap_or_else(|_| data_dir.to_owned());
    let taken = |file: File| match file.try_lock_shared() {
        Ok(()) => {
            drop(Lock(file));
            false
        }
        Err(error) => matches!(error, TryLockError::WouldBlock),
    };
    File::open(lock_file(&data_dir)).is_ok_and(taken)
}

fn lock_file(data_dir: &Path) -> PathBuf {
    data_dir.with_added_extension("lock")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_free_at_once_while_a_forked_child_has_its_file()
    -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let data_dir = folder.path().join("postgres");
        let lock = Lock::take(&data_dir)?;
        let child = lock.0.try_clone()?;
        assert!(matches!(Lock::take(&data_dir), Err(Error::InUse { .. })));
        assert!(is_in_use(&data_dir));
        drop(lock);
        assert!(!is_in_use(&data_dir));
        Lock::take(&data_dir)?;
        drop(child);
        Ok(())
    }
}
