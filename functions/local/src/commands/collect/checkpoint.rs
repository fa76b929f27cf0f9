//! How far a folder was collected: a file in the data folder.

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

/// One folder's.
pub(super) struct Checkpoint {
    path: PathBuf,
    files: BTreeMap<String, FileProgress>,
}

/// How far one file is. It holds for a file of that length and age.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct FileProgress {
    bytes: u64,
    modified_ms: Option<i64>,
    /// Values that are in Kafka.
    values: u64,
    is_whole: bool,
    /// How many of all of them could not be read.
    #[serde(default)]
    unreadable: u64,
}

/// What is known of a file that did not change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Collected {
    /// All of it is in Kafka, and so many values of it could not be read.
    Whole { unreadable: u64 },
    /// So many values are.
    Part { values: u64 },
}

impl Checkpoint {
    /// That of the folder, or an empty one.
    pub(super) fn open(data_dir: &Path, folder: &Path, again: bool) -> Result<Self, Exit> {
        let folder =
            folder.canonicalize().map_err(|e| Exit::usage(format!("{}: {e}", folder.display())))?;
        let mut hasher = DefaultHasher::new();
        folder.hash(&mut hasher);
        let path = data_dir.join("collected").join(format!("{:016x}.json", hasher.finish()));
        let files = match fs::read(&path) {
            Ok(text) if !again => serde_json::from_slice(&text).map_err(|e| {
                Exit::usage(format!(
                    "{} is no checkpoint ({e}): remove it, or give --again",
                    path.display()
                ))
            })?,
            _ => BTreeMap::new(),
        };
        Ok(Self { path, files })
    }

    /// How much of the file is in Kafka.
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

    /// Keeps how far the file is, whole or not at all.
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
            Exit::failed(format!("cannot keep how far it is in {}: {e}", self.path.display()))
        })
    }
}
