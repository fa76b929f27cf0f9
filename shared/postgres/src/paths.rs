//! The paths of one server: the data folder, and its log and password next to it.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::{Error, secret::write_secret};

/// The absolute paths of one server.
#[derive(Debug, Clone)]
pub(crate) struct ServerPaths {
    /// The data folder, with links resolved, because it is compared with the system's data about
    /// processes.
    pub(crate) data_dir: PathBuf,
    /// The parent folder.
    pub(crate) folder: PathBuf,
    /// The server's log.
    pub(crate) log: PathBuf,
    /// The password file of the role `weir`.
    pub(crate) password: PathBuf,
    /// The folder in which a new data folder is created before it is renamed.
    pub(crate) unfinished: PathBuf,
}

impl ServerPaths {
    /// Creates the parent folder and resolves every path.
    pub(crate) fn prepare(data_dir: &Path) -> Result<Self, Error> {
        let wanted = std::path::absolute(data_dir).map_err(Error::folder(data_dir))?;
        let (Some(folder), Some(name)) = (wanted.parent(), wanted.file_name()) else {
            let source = io::Error::from(io::ErrorKind::IsADirectory);
            return Err(Error::Folder { path: wanted, source });
        };
        fs::create_dir_all(folder).map_err(Error::folder(folder))?;
        let folder = folder.canonicalize().map_err(Error::folder(folder))?;
        let next_to_it = |ending: &str| {
            let mut name = name.to_os_string();
            name.push(ending);
            folder.join(name)
        };
        let data_dir = next_to_it("");
        Ok(Self {
            // The data folder may be a link to another disk.
            data_dir: data_dir.canonicalize().unwrap_or(data_dir),
            log: next_to_it(".log"),
            password: next_to_it("-password"),
            unfinished: next_to_it(".new"),
            folder,
        })
    }

    /// Returns the major version that wrote the data; `None` before the data exists.
    pub(crate) fn data_version(&self) -> Option<u32> {
        fs::read_to_string(self.data_dir.join("PG_VERSION")).ok()?.trim().parse().ok()
    }

    /// Returns the user and group that own the data; `None` before the data exists.
    pub(crate) fn data_owner(&self) -> Option<(u32, u32)> {
        fs::metadata(self.data_dir.join("PG_VERSION")).ok().map(|meta| (meta.uid(), meta.gid()))
    }

    /// Reads the password of existing data.
    pub(crate) fn read_password(&self) -> Result<String, Error> {
        let text = match fs::read_to_string(&self.password) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            read => read.map_err(Error::folder(&self.password))?,
        };
        let text = text.trim();
        if text.is_empty() {
            return Err(Error::NoPassword { path: self.password.clone() });
        }
        Ok(text.to_owned())
    }

    /// Writes a new password, readable by its owner only.
    pub(crate) fn write_password(&self, password: &str) -> Result<(), Error> {
        let unfinished = self.password.with_added_extension("new");
        write_secret(&unfinished, password)?;
        fs::rename(&unfinished, &self.password).map_err(Error::folder(&self.password))
    }
}
