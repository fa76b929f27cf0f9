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
}

impl Checkpoint {
    /// That of the folder, or an empty one.
    pub(super) fn open(data_dir: &Path, folder: &Path, again: bool) -> Result<Self, Exit> {
        let folder = folder.canonicalize().map_err(|e| Exit::usage(format!("{}: {e}", folder.display())))?;
        let mut hasher = DefaultHasher::new();
        folder.hash(&mut hasher);
        let path = data_dir.join("collected").join(format!("{:016x}.json", hasher.finish()));
        let files = match fs::read(&path) {
            Ok(text) if !again => serde_json::from_slice(&text)
                .map_err(|e| Exit::usage(format!("{} is no checkpoint ({e}): remove it, or give --again", path.display())))?,
            _ => BTreeMap::new(),
        };
        Ok(Self { path, files })
    }

    /// How many values of the file are in Kafka; none when all of them are.
    pub(super) fn of(&self, file: &FolderFile) -> Option<u64> {
        match self.files.get(&file.file.name) {
            Some(done) if done.bytes == file.bytes && done.modified_ms == file.file.modified_ms => (!done.is_whole).then_some(done.values),
            _ => Some(0),
        }
    }

    /// Keeps how far the file is, whole or not at all.
    pub(super) fn note(&mut self, file: &FolderFile, values: u64, is_whole: bool) -> Result<(), Exit> {
        let done = FileProgress { bytes: file.bytes, modified_ms: file.file.modified_ms, values, is_whole };
        self.files.insert(file.file.name.clone(), done);
        let write = || {
            let folder = self.path.parent().unwrap_or(Path::new("."));
            fs::create_dir_all(folder)?;
            let mut new = tempfile::NamedTempFile::new_in(folder)?;
            new.write_all(&serde_json::to_vec(&self.files)?)?;
            new.as_file().sync_data()?;
            new.persist(&self.path).map_err(|error| error.error)
        };
        write().map(drop).map_err(|e: std::io::Error| Exit::failed(format!("cannot keep how far it is in {}: {e}", self.path.display())))
    }
}
