//! Files by name.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream::BoxStream};
use object_store::{
    ClientOptions, ObjectStore, ObjectStoreExt, RetryConfig,
    aws::{AmazonS3, AmazonS3Builder},
    local::LocalFileSystem,
    path::Path,
    signer::Signer,
};

use crate::{BlobError, BlobUrl, Upload, crypto::Crypto, left_uploads};

/// One request, a part of 5 MiB included.
const REQUEST_TIMEOUT: Duration = Duration::from_mins(1);
/// A request that failed for a passing reason is tried again for so long.
const RETRY_TIME: Duration = Duration::from_mins(1);
const RETRIES: usize = 8;
/// A file that is read as a whole has at most so many bytes: a manifest.
const WHOLE_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// Names of one folder at most.
const NAMES_MAX: usize = 100_000;

/// A bucket, with what AWS's environment variables say.
pub fn s3(bucket: &str) -> AmazonS3Builder {
    AmazonS3Builder::from_env().with_bucket_name(bucket).with_crypto_provider(Arc::new(Crypto))
}

/// A place where files lie. Cheap to clone.
#[derive(Clone)]
pub struct Blobs(Arc<Place>);

struct Place {
    url: BlobUrl,
    prefix: String,
    store: Arc<dyn ObjectStore>,
    s3: Option<AmazonS3>,
}

/// A file and its length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its name, from the place's own root.
    pub path: String,
    /// Its length.
    pub bytes: u64,
}

/// A file that is being read.
pub struct Reading {
    /// Its length.
    pub bytes: u64,
    /// What is in it.
    pub content: BoxStream<'static, Result<Bytes, BlobError>>,
}

impl Blobs {
    /// As [`open`](Self::open), for writing: a folder is made when it is not there.
    pub fn create(url: &BlobUrl) -> Result<Self, BlobError> {
        if let BlobUrl::File(folder) = url {
            std::fs::create_dir_all(folder).map_err(|e| BlobError::failed("make the folder", url, &e))?;
        }
        Self::open(url)
    }

    /// The place of this URL; a folder has to be there. S3 is not asked yet.
    pub fn open(url: &BlobUrl) -> Result<Self, BlobError> {
        let place = match url {
            BlobUrl::S3 { bucket, prefix } => {
                let retry = RetryConfig { max_retries: RETRIES, retry_timeout: RETRY_TIME, ..RetryConfig::default() };
                let builder = s3(bucket).with_disable_bulk_delete(true).with_retry(retry).with_client_options(client_options());
                let s3 = builder.build().map_err(|e| BlobError::of("open", url, "", &e))?;
                Place { url: url.clone(), prefix: prefix.clone(), store: Arc::new(s3.clone()), s3: Some(s3) }
            }
            BlobUrl::File(folder) => {
                if !folder.is_dir() {
                    return Err(BlobError::Setting(format!("there is no folder {}", folder.display())));
                }
                let local = LocalFileSystem::new_with_prefix(folder).map_err(|e| BlobError::of("open", url, "", &e))?;
                Place { url: url.clone(), prefix: String::new(), store: Arc::new(local.with_fsync(true)), s3: None }
            }
        };
        Ok(Self(Arc::new(place)))
    }

    /// Where it is.
    pub fn url(&self) -> &BlobUrl {
        &self.0.url
    }

    pub(crate) fn store(&self) -> &dyn ObjectStore {
        self.0.store.as_ref()
    }

    pub(crate) fn at(&self, path: &str) -> Path {
        self.0.prefix.split('/').chain(path.split('/')).filter(|part| !part.is_empty()).collect()
    }

    fn error(&self, what: &'static str, path: &str) -> impl Fn(object_store::Error) -> BlobError + use<> {
        let (url, path) = (self.0.url.clone(), path.to_owned());
        move |error| BlobError::of(what, &url, &path, &error)
    }

    /// Begins to write a file.
    pub fn upload(&self, path: &str) -> Upload {
        Upload::new(self.clone(), path.to_owned())
    }

    /// Writes a short file: whole or not at all.
    pub async fn put(&self, path: &str, bytes: Vec<u8>) -> Result<(), BlobError> {
        self.store().put(&self.at(path), bytes.into()).await.map(drop).map_err(self.error("write", path))
    }

    /// A short file as a whole; none when it is not there.
    pub async fn get(&self, path: &str) -> Result<Option<Bytes>, BlobError> {
        let failed = self.error("read", path);
        let found = match self.store().get(&self.at(path)).await {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => return self.bucket_is_there(path).await.map(|()| None),
            Err(error) => return Err(failed(error)),
        };
        if found.meta.size > WHOLE_BYTES_MAX {
            return Err(BlobError::Damaged { path: path.to_owned(), fault: format!("has {} bytes, far too many", found.meta.size) });
        }
        found.bytes().await.map(Some).map_err(failed)
    }

    /// S3 says of a bucket that is not there what it says of a file, but for its words.
    async fn bucket_is_there(&self, path: &str) -> Result<(), BlobError> {
        match self.store().get(&self.at(path)).await {
            Err(error) => match BlobError::of("read", &self.0.url, path, &error) {
                BlobError::Missing { .. } => Ok(()),
                other => Err(other),
            },
            Ok(_) => Ok(()),
        }
    }

    /// Begins to read a file.
    pub async fn read(&self, path: &str) -> Result<Reading, BlobError> {
        let found = self.store().get(&self.at(path)).await.map_err(self.error("read", path))?;
        let failed = self.error("read", path);
        Ok(Reading { bytes: found.meta.size, content: found.into_stream().map_err(failed).boxed() })
    }

    /// Every file below a folder, sorted by name.
    pub async fn list(&self, folder: &str) -> Result<Vec<Object>, BlobError> {
        let failed = self.error("list", folder);
        let base = self.at("");
        let found = self.store().list(Some(&self.at(folder))).take(NAMES_MAX).map_err(failed);
        let mut all: Vec<Object> = found
            .try_filter_map(|meta| {
                let path =
                    meta.location.prefix_match(&base).map(|parts| parts.map(|p| p.as_ref().to_owned()).collect::<Vec<_>>().join("/"));
                std::future::ready(Ok(path.map(|path| Object { path, bytes: meta.size })))
            })
            .try_collect()
            .await?;
        all.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(all)
    }

    /// The names of the folders directly in a folder, sorted.
    pub async fn folders(&self, folder: &str) -> Result<Vec<String>, BlobError> {
        let found = self.store().list_with_delimiter(Some(&self.at(folder))).await.map_err(self.error("list", folder))?;
        let mut names: Vec<String> = found.common_prefixes.iter().filter_map(|p| p.filename().map(ToOwned::to_owned)).collect();
        names.sort_unstable();
        Ok(names)
    }

    /// Deletes a file; that it is not there is well.
    pub async fn delete(&self, path: &str) -> Result<(), BlobError> {
        match self.store().delete(&self.at(path)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.error("delete", path)(error)),
        }
    }

    /// A URL that anybody can read the file with for a while; none where the files lie in a folder.
    pub async fn sign(&self, path: &str, valid: Duration) -> Result<Option<String>, BlobError> {
        let Some(s3) = &self.0.s3 else { return Ok(None) };
        let url = s3.signed_url(http::Method::GET, &self.at(path), valid).await.map_err(self.error("sign a URL", path))?;
        Ok(Some(url.to_string()))
    }

    /// Removes what killed writers left in a folder: multipart uploads, and files under names that are not final. Gives how many.
    pub async fn sweep(&self, folder: &str) -> Result<usize, BlobError> {
        match (&self.0.url, &self.0.s3) {
            (BlobUrl::S3 { bucket, .. }, Some(s3)) => left_uploads::abort_below(s3, bucket, &self.at(folder), &client_options())
                .await
                .map_err(|words| BlobError::Failed { what: "take back old uploads", url: self.0.url.clone(), words }),
            (BlobUrl::File(root), _) => {
                let root = root.join(folder);
                let swept = tokio::task::spawn_blocking(move || left_files(&root)).await;
                swept.map_err(std::io::Error::other).flatten().map_err(|e| BlobError::failed("take back old files", &self.0.url, &e))
            }
            _ => Ok(0),
        }
    }
}

fn client_options() -> ClientOptions {
    // The environment may allow plain HTTP, for a server on this machine.
    #[expect(clippy::disallowed_methods, reason = "AWS's own variables enter here, as the library's other ones do")]
    let http = std::env::var("AWS_ALLOW_HTTP").is_ok_and(|v| v == "true" || v == "1");
    ClientOptions::new().with_timeout(REQUEST_TIMEOUT).with_allow_http(http)
}

/// Deletes what the library had not yet renamed to its final name: `name#number`.
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
        let left = name.rsplit_once('#').is_some_and(|(_, n)| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
        if left {
            std::fs::remove_file(&path)?;
            swept += 1;
        }
    }
    Ok(swept)
}
