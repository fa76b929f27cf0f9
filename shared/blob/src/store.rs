//! The object store of a bucket or folder, and the paths in it.

use std::{sync::Arc, time::Duration};

use object_store::{
    ClientOptions, ObjectStore, ObjectStoreExt, RetryConfig,
    aws::{AmazonS3, AmazonS3Builder},
    local::LocalFileSystem,
    path::Path,
};

use crate::{BlobError, BlobUrl, crypto::Crypto};

/// The timeout of one request, including the upload of a part of 5 MiB.
const REQUEST_TIMEOUT: Duration = Duration::from_mins(1);
/// How long a request is retried after transient errors.
const RETRY_TIME: Duration = Duration::from_mins(1);
const RETRIES: usize = 8;

pub(crate) struct BlobStore {
    pub(crate) url: BlobUrl,
    prefix: String,
    pub(crate) objects: Arc<dyn ObjectStore>,
    pub(crate) s3: Option<AmazonS3>,
}

/// Returns the builder of an S3 client for a bucket, configured by AWS's environment variables.
pub fn s3(bucket: &str) -> AmazonS3Builder {
    AmazonS3Builder::from_env().with_bucket_name(bucket).with_crypto_provider(Arc::new(Crypto))
}

impl BlobStore {
    pub(crate) fn open(url: &BlobUrl) -> Result<Self, BlobError> {
        Ok(match url {
            BlobUrl::S3 { bucket, prefix } => {
                let retry = RetryConfig {
                    max_retries: RETRIES,
                    retry_timeout: RETRY_TIME,
                    ..RetryConfig::default()
                };
                let builder = s3(bucket)
                    .with_disable_bulk_delete(true)
                    .with_retry(retry)
                    .with_client_options(client_options());
                let s3 = builder.build().map_err(|e| BlobError::of("open", url, "", &e))?;
                Self {
                    url: url.clone(),
                    prefix: prefix.clone(),
                    objects: Arc::new(s3.clone()),
                    s3: Some(s3),
                }
            }
            BlobUrl::File(folder) => {
                if !folder.is_dir() {
                    return Err(BlobError::Setting(format!(
                        "folder {} does not exist: create it, or give another --blob-url \
                            (BLOB_URL)",
                        folder.display()
                    )));
                }
                let local = LocalFileSystem::new_with_prefix(folder)
                    .map_err(|e| BlobError::of("open", url, "", &e))?;
                Self {
                    url: url.clone(),
                    prefix: String::new(),
                    objects: Arc::new(local.with_fsync(true).with_automatic_cleanup(true)),
                    s3: None,
                }
            }
        })
    }

    /// Returns the full path of a name.
    pub(crate) fn at(&self, path: &str) -> Path {
        self.prefix.split('/').chain(path.split('/')).filter(|part| !part.is_empty()).collect()
    }

    /// Returns a function that converts errors about a name.
    pub(crate) fn error(
        &self,
        what: &'static str,
        path: &str,
    ) -> impl Fn(object_store::Error) -> BlobError + use<> {
        let (url, path) = (self.url.clone(), path.to_owned());
        move |error| BlobError::of(what, &url, &path, &error)
    }

    /// Returns whether a file of this length exists.
    pub(crate) async fn has(&self, path: &str, bytes: u64) -> bool {
        self.objects.head(&self.at(path)).await.is_ok_and(|meta| meta.size == bytes)
    }

    /// Deletes a file, if it exists.
    pub(crate) async fn delete(&self, path: &str) -> Result<(), BlobError> {
        match self.objects.delete(&self.at(path)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.error("delete", path)(error)),
        }
    }
}

pub(crate) fn client_options() -> ClientOptions {
    // The environment may allow plain HTTP, for a server on the same machine.
    #[expect(
        clippy::disallowed_methods,
        reason = "this code reads the variables of AWS, as the library does"
    )]
    let http = std::env::var("AWS_ALLOW_HTTP").is_ok_and(|v| v == "true" || v == "1");
    ClientOptions::new().with_timeout(REQUEST_TIMEOUT).with_allow_http(http)
}
