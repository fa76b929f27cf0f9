//! Operations on files by name.

use std::{
    fs::File,
    io::{Seek as _, Write as _},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use data_encoding::HEXLOWER;
use futures_util::{StreamExt, TryStreamExt, stream::BoxStream};
use object_store::{ObjectStore, ObjectStoreExt, signer::Signer};
use sha2::{Digest, Sha256};

use crate::{
    BlobError, BlobUrl, Upload, left_uploads,
    store::{BlobStore, client_options},
};

/// The most bytes of a file that is read into memory as a whole, which is a manifest.
const WHOLE_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// The most names that a list of a folder returns.
const NAMES_MAX: usize = 100_000;

/// A bucket or folder that stores files. Cheap to clone.
#[derive(Clone)]
pub struct Blobs(Arc<BlobStore>);

/// A file and its length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its name, relative to the root of the [`Blobs`].
    pub path: String,
    /// Its length in bytes.
    pub bytes: u64,
}

/// A file that is open for reading.
pub struct OpenFile {
    /// Its length in bytes.
    pub bytes: u64,
    /// The bytes of the file, as a stream.
    pub content: BoxStream<'static, Result<Bytes, BlobError>>,
}

impl Blobs {
    /// Opens the bucket or folder for writing, as [`open`](Self::open) does. A missing folder is
    /// created.
    pub fn create(url: &BlobUrl) -> Result<Self, BlobError> {
        if let BlobUrl::File(folder) = url {
            std::fs::create_dir_all(folder)
                .map_err(|e| BlobError::failed("create the folder", url, &e))?;
        }
        Self::open(url)
    }

    /// Opens the bucket or folder of this URL. A folder must exist. No request is sent to S3 yet.
    pub fn open(url: &BlobUrl) -> Result<Self, BlobError> {
        BlobStore::open(url).map(|store| Self(Arc::new(store)))
    }

    /// Returns the URL of the bucket or folder.
    pub fn url(&self) -> &BlobUrl {
        &self.0.url
    }

    /// Starts to write a file.
    pub fn upload(&self, path: &str) -> Upload {
        Upload::new(self.0.clone(), path.to_owned())
    }

    /// Writes a short file completely or not at all.
    pub async fn put(&self, path: &str, bytes: Vec<u8>) -> Result<(), BlobError> {
        self.0
            .objects
            .put(&self.0.at(path), bytes.into())
            .await
            .map(drop)
            .map_err(self.0.error("write", path))
    }

    /// Reads a short file as a whole; returns `None` when the file does not exist.
    pub async fn get(&self, path: &str) -> Result<Option<Bytes>, BlobError> {
        let failed = self.0.error("read", path);
        // A missing bucket is a different error from a missing file.
        let found = match self.0.objects.get(&self.0.at(path)).await.map_err(&failed) {
            Err(BlobError::Missing { .. }) => return Ok(None),
            found => found?,
        };
        if found.meta.size > WHOLE_BYTES_MAX {
            return Err(BlobError::Damaged {
                path: path.to_owned(),
                fault: format!("has {} bytes, which is too large", found.meta.size),
            });
        }
        found.bytes().await.map(Some).map_err(failed)
    }

    /// Opens a file for reading.
    pub async fn read(&self, path: &str) -> Result<OpenFile, BlobError> {
        let found =
            self.0.objects.get(&self.0.at(path)).await.map_err(self.0.error("read", path))?;
        let failed = self.0.error("read", path);
        Ok(OpenFile {
            bytes: found.meta.size,
            content: found.into_stream().map_err(failed).boxed(),
        })
    }

    /// Returns the length of a file in bytes, without reading the file.
    pub async fn length(&self, path: &str) -> Result<u64, BlobError> {
        let found = self.0.objects.head(&self.0.at(path)).await;
        Ok(found.map_err(self.0.error("read", path))?.size)
    }

    /// Fetches a file into a temporary file without a name. Fails when its length or its SHA-256
    /// (in hex) is not the given one.
    pub async fn fetch(&self, path: &str, bytes: u64, sha256: &str) -> Result<File, BlobError> {
        let cannot = |e: std::io::Error| {
            BlobError::failed("write a temporary copy of a file", self.url(), &e)
        };
        let mut content = self.read(path).await?.content;
        let mut local = tempfile::tempfile().map_err(cannot)?;
        let (mut hash, mut found) = (Sha256::new(), 0_u64);
        while let Some(piece) = content.try_next().await? {
            found += piece.len() as u64;
            hash.update(&piece);
            local.write_all(&piece).map_err(cannot)?;
        }
        let damaged = |fault| Err(BlobError::Damaged { path: path.to_owned(), fault });
        if found != bytes {
            return damaged(format!("has {found} bytes, but must have {bytes}"));
        }
        if HEXLOWER.encode(&hash.finalize()) != sha256 {
            return damaged("has a different SHA-256 than it must have".to_owned());
        }
        local.rewind().map_err(cannot)?;
        Ok(local)
    }

    /// Lists all files below a folder, sorted by name.
    pub async fn list(&self, folder: &str) -> Result<Vec<Object>, BlobError> {
        let failed = self.0.error("list", folder);
        let base = self.0.at("");
        let found = self.0.objects.list(Some(&self.0.at(folder))).take(NAMES_MAX).map_err(failed);
        let mut all: Vec<Object> = found
            .try_filter_map(|meta| {
                let path = meta.location.prefix_match(&base).map(|parts| {
                    parts.map(|p| p.as_ref().to_owned()).collect::<Vec<_>>().join("/")
                });
                std::future::ready(Ok(path.map(|path| Object { path, bytes: meta.size })))
            })
            .try_collect()
            .await?;
        all.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(all)
    }

    /// Returns the names of the folders directly in a folder, sorted.
    pub async fn folders(&self, folder: &str) -> Result<Vec<String>, BlobError> {
        let found = self
            .0
            .objects
            .list_with_delimiter(Some(&self.0.at(folder)))
            .await
            .map_err(self.0.error("list", folder))?;
        let mut names: Vec<String> = found
            .common_prefixes
            .iter()
            .filter_map(|p| p.filename().map(ToOwned::to_owned))
            .collect();
        names.sort_unstable();
        Ok(names)
    }

    /// Deletes a file, if the file exists.
    pub async fn delete(&self, path: &str) -> Result<(), BlobError> {
        self.0.delete(path).await
    }

    /// Returns a URL that allows anybody to read the file for the time `valid`. Returns `None` for
    /// a folder.
    pub async fn sign(&self, path: &str, valid: Duration) -> Result<Option<String>, BlobError> {
        let Some(s3) = &self.0.s3 else { return Ok(None) };
        let url = s3
            .signed_url(http::Method::GET, &self.0.at(path), valid)
            .await
            .map_err(self.0.error("sign a URL", path))?;
        Ok(Some(url.to_string()))
    }

    /// Removes the leftovers of killed writers in a folder and returns their number.
    ///
    /// The leftovers are multipart uploads, and files with temporary names.
    pub async fn sweep(&self, folder: &str) -> Result<usize, BlobError> {
        match (&self.0.url, &self.0.s3) {
            (BlobUrl::S3 { bucket, .. }, Some(s3)) => {
                left_uploads::abort_below(s3, bucket, &self.0.at(folder), &client_options())
                    .await
                    .map_err(|words| BlobError::Failed {
                        what: "abort old uploads",
                        url: self.0.url.clone(),
                        words,
                    })
            }
            (BlobUrl::File(root), _) => {
                let root = root.join(folder);
                let swept = tokio::task::spawn_blocking(move || left_files(&root)).await;
                swept
                    .map_err(std::io::Error::other)
                    .flatten()
                    .map_err(|e| BlobError::failed("delete old files", &self.0.url, &e))
            }
            _ => Ok(0),
        }
    }
}

/// Deletes the files that the library had not yet renamed to their final names: `name#number`.
fn left_files(folder: &std::path::Path) -> std::io::Result<usize> {
    let mut swept = 0;
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(0),
        other => other?,
    };
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            swept += left_files(&path)?;
            continue;
        }
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        let left = name
            .rsplit_once('#')
            .is_some_and(|(_, n)| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
        if left {
            std::fs::remove_file(&path)?;
            swept += 1;
        }
    }
    Ok(swept)
}
