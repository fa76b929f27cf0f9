//! The progress of `weir collect` in a folder, stored as a file in the data folder.

use std::{
    collections::{BTreeMap, hash_map::DefaultHasher},
    fs,
    hash::{Hash, Hasher},
    io::Write,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::folder::FolderFile;
use crate::Exit;

/// The progress of one folder.
pub(super) struct Checkpoint {
    path: PathBuf,
    files: BTreeMap<String, FileProgress>,
}

/// The progress of one file. It is valid only for a file of this length and time of change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct FileProgress {
    bytes: u64,
    modified_ms: Option<i64>,
    /// The number of values that are in Kafka.
    values: u64,
    is_whole: bool,
    /// The number of values of the whole file that could not be read.
    #[serde(default)]
    unreadable: u64,
}

/// The known progress of an unchanged file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Collected {
    /// The whole file is in Kafka, including `unreadable` values that could not be read.
    Whole { unreadable: u64 },
    /// The first `values` values are in Kafka.
    Part { values: u64 },
}

impl Checkpoint {
    /// Reads the checkpoint of the folder, or creates an empty one.
    pub(super) fn open(data_dir: &Path, folder: &Path, again: bool) -> Result<Self, Exit> {
        let folder = folder
            .canonicalize()
            .map_err(|e| Exit::usage(format!("cannot read {}: {e}", folder.display())))?;
        let mut hasher = DefaultHasher::new();
        folder.hash(&mut hasher);
        let path = data_dir.join("collected").join(format!("{:016x}.json", hasher.finish()));
        let files = match fs::read(&path) {
            Ok(text) if !again => serde_json::from_slice(&text).map_err(|e| {
                Exit::usage(format!(
                    "{} is not a valid checkpoint ({e}): remove it, or give --again",
                    path.display()
                ))
            })?,
            _ => BTreeMap::new(),
        };
        Ok(Self { path, files })
    }

    /// Returns how much of the file is in Kafka.
    pub(super) fn of(&self, file: &FolderFile) -> Collected {
        let done = self.files.get(&file.file.name);
        match done
            .filter(|done| done.bytes == file.bytes && done.modified_ms == file.file.modified_ms)
        {
            Some(FileProgress { is_whole: true, unreadable, .. }) => {
                Collected::Whole { unreadable: *unreadable }
            }
            done => Collected::Part { values: done.map_or(0, |done| done.values) },
        }
    }

    /// Stores the progress of the file. The write is atomic.
    pub(super) fn note(&mut self, file: &FolderFile, collected: Collected) -> Result<(), Exit> {
        let (bytes, modified_ms) = (file.bytes, file.file.modified_ms);
        let done = match collected {
            Collected::Whole { unreadable } => {
                FileProgress { bytes, modified_ms, values: 0, is_whole: true, unreadable }
            }
            Collected::Part { values } => {
                FileProgress { bytes, modified_ms, values, is_whole: false, unreadable: 0 }
            }
        };
        self.files.insert(file.file.name.clone(), done);
        let write = || {
            let folder = self.path.parent().unwrap_or(Path::new("."));
            fs::create_dir_all(folder)?;
            let mut new = tempfile::NamedTempFile::new_in(folder)?;
            new.write_all(&serde_json::to_vec(&self.files)?)?;
            new.as_file().sync_data()?;
            new.persist(&self.path).map_err(|error| error.error)
        };
        write().map(drop).map_err(|e: std::io::Error| {
            Exit::failed(format!("cannot store the progress in {}: {e}", self.path.display()))
        })
    }
}
