//! The files of a folder.

use std::{
    fs,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use indicatif::ProgressBar;
use tokio::io::AsyncReadExt;
use weir_collect::{
    body::{BodyFault, ByteSource},
    files::{File, FileRules},
};

use crate::Exit;

/// The number of bytes that are read at once.
const PIECE_BYTES: usize = 128 * 1024;
/// The maximum depth of subfolders. It also ends the search at a link that points to a parent
/// folder.
const DEPTH_MAX: usize = 32;

/// A file to collect.
pub(super) struct FolderFile {
    /// The path below the folder, with / between the parts.
    pub(super) file: File,
    pub(super) bytes: u64,
    path: PathBuf,
}

#[derive(Default)]
pub(super) struct Found {
    /// The files that have a topic, by name.
    pub(super) files: Vec<FolderFile>,
    /// The paths that could not be read, each with the reason.
    pub(super) faults: Vec<String>,
}

/// Returns the files of a folder that have a topic. Files whose names begin with a dot are ignored.
pub(super) fn files(folder: &Path, rules: &FileRules) -> Result<Found, Exit> {
    if rules.files.is_empty() {
        return Err(Exit::usage(
            "no rule for files: give --files PREFIX=TOPIC, for example --files '=readings' for all \
                files",
        ));
    }
    let mut all = Found::default();
    walk(folder, "", 0, &mut all)
        .map_err(|error| Exit::usage(format!("cannot read {}: {error}", folder.display())))?;
    all.files.retain(|found| rules.topic(&found.file.name).is_some());
    all.files.sort_by(|a, b| a.file.name.cmp(&b.file.name));
    Ok(all)
}

/// Finds the files below a folder. The error is that of the folder itself; paths below it that
/// cannot be read are among the faults.
fn walk(folder: &Path, below: &str, depth: usize, all: &mut Found) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with('.') {
            continue;
        }
        let name = [below, &name].concat();
        let found = match fs::metadata(&path) {
            Ok(found) => found,
            Err(error) => {
                all.faults.push(format!("{name}: {error}"));
                continue;
            }
        };
        if found.is_dir() && depth < DEPTH_MAX {
            if let Err(error) = walk(&path, &[&name, "/"].concat(), depth + 1, all) {
                all.faults.push(format!("{name}: {error}"));
            }
        } else if found.is_file() {
            let since = found.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
            let modified_ms = since.and_then(|since| i64::try_from(since.as_millis()).ok());
            all.files.push(FolderFile {
                file: File { name, version: None, modified_ms },
                bytes: found.len(),
                path,
            });
        }
    }
    Ok(())
}

impl FolderFile {
    /// Opens the file. Each read moves `bar` by the number of bytes.
    pub(super) async fn open(&self, bar: &ProgressBar) -> std::io::Result<Box<dyn ByteSource>> {
        let file = tokio::fs::File::open(&self.path).await?;
        Ok(Box::new(FileChunks { file, bar: bar.clone() }))
    }
}

struct FileChunks {
    file: tokio::fs::File,
    bar: ProgressBar,
}

#[async_trait]
impl ByteSource for FileChunks {
    async fn next(&mut self) -> Result<Option<Bytes>, BodyFault> {
        let mut piece = BytesMut::with_capacity(PIECE_BYTES);
        let read = self.file.read_buf(&mut piece).await;
        let read = read.map_err(|error| BodyFault::Cut(error.to_string()))?;
        self.bar.inc(read as u64);
        Ok((read > 0).then(|| piece.freeze()))
    }
}
