//! Reads objects of S3, and signs URLs for uploads.

use std::time::Duration;

use anyhow::{Context, bail};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, stream::BoxStream};
use object_store::{
    GetOptions, ObjectStore,
    aws::AmazonS3,
    path::Path,
    signer::{SignedUrlOptions, Signer},
};
use uuid::Uuid;
use weir_collect::{
    UploadUrl, Uploads,
    body::{BodyFault, ByteSource},
    files::{File, FileRules},
};

/// The lifetime of an upload URL.
const URL_SECONDS: u64 = 3600;
/// The tag of an object that is collected. A rule of the template's bucket removes such objects.
const COLLECTED: &str =
    "<Tagging><TagSet><Tag><Key>weir</Key><Value>collected</Value></Tag></TagSet></Tagging>";
/// Timeout of the request that tags an object.
const TAG_LIMIT: Duration = Duration::from_secs(10);

/// The rules for objects, and the bucket for uploads.
pub(crate) struct S3 {
    rules: FileRules,
    uploads: Option<(UploadUrl, AmazonS3)>,
}

impl S3 {
    pub(crate) fn new(rules: FileRules, uploads: Option<UploadUrl>) -> anyhow::Result<Self> {
        let uploads =
            uploads.map(|url| anyhow::Ok((url.clone(), bucket(&url.bucket)?))).transpose()?;
        Ok(Self { rules, uploads })
    }

    pub(crate) fn rules(&self) -> &FileRules {
        &self.rules
    }

    /// Opens an object. Returns its bytes, its name, version and time of change.
    pub(crate) async fn open(
        &self,
        name: &str,
        key: &str,
        version: Option<String>,
    ) -> anyhow::Result<(Box<dyn ByteSource>, File)> {
        let options = GetOptions { version: version.clone(), ..GetOptions::default() };
        let path = Path::parse(key).with_context(|| format!("the key {key} is not valid"))?;
        let found = bucket(name)?
            .get_opts(&path, options)
            .await
            .with_context(|| format!("s3://{name}/{key}"))?;
        let file = File {
            name: key.to_owned(),
            version,
            modified_ms: Some(found.meta.last_modified.timestamp_millis()),
        };
        Ok((Box::new(Pieces(found.into_stream())), file))
    }

    /// Tags an object of the bucket for uploads as collected. Objects of other buckets are not
    /// changed.
    pub(crate) async fn tag(
        &self,
        bucket: &str,
        key: &str,
        version: Option<&str>,
    ) -> anyhow::Result<()> {
        let Some((_, store)) = self.uploads.as_ref().filter(|(url, _)| url.bucket == bucket) else {
            return Ok(());
        };
        let query = [("tagging", "")].into_iter().chain(version.map(|v| ("versionId", v)));
        let options = SignedUrlOptions::default().with_query(query);
        let (path, method) = (Path::parse(key)?, axum::http::Method::PUT);
        let signed = store.signed_url_opts(method, &path, TAG_LIMIT, &options).await?;
        let client = reqwest::Client::builder().timeout(TAG_LIMIT).build()?;
        let answer = client.put(signed).body(COLLECTED).send().await;
        // The URL is a secret while it is valid.
        answer
            .and_then(reqwest::Response::error_for_status)
            .map_err(reqwest::Error::without_url)?;
        Ok(())
    }
}

fn bucket(name: &str) -> anyhow::Result<AmazonS3> {
    Ok(weir_blob::s3(name).build()?)
}

struct Pieces(BoxStream<'static, object_store::Result<Bytes>>);

#[async_trait]
impl ByteSource for Pieces {
    async fn next(&mut self) -> Result<Option<Bytes>, BodyFault> {
        loop {
            match self.0.next().await {
                // Some readers take an empty piece for the end.
                Some(Ok(piece)) if piece.is_empty() => {}
                other => {
                    return other.transpose().map_err(|error| BodyFault::Cut(error.to_string()));
                }
            }
        }
    }
}

fn random() -> anyhow::Result<Uuid> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).context("the system returns no random numbers")?;
    Ok(uuid::Builder::from_random_bytes(bytes).into_uuid())
}

#[async_trait]
impl Uploads for S3 {
    async fn put(&self, topic: &str) -> anyhow::Result<Option<(String, u64)>> {
        let Some((url, store)) = &self.uploads else { return Ok(None) };
        let fits = |prefix: &&str| {
            prefix.starts_with(&url.prefix)
                && self.rules.topic(&[prefix, "x"].concat()) == Some(topic)
        };
        let Some(prefix) = self
            .rules
            .files
            .iter()
            .filter(|rule| rule.topic == topic)
            .map(|rule| rule.prefix.as_str())
            .find(fits)
        else {
            return Ok(None);
        };
        let path = Path::parse(
            format!("{}/{}.ndjson", prefix.trim_end_matches('/'), random()?)
                .trim_start_matches('/'),
        )?;
        if !path.as_ref().starts_with(prefix) {
            bail!("a key cannot begin with {prefix}");
        }
        let signed = store
            .signed_url(axum::http::Method::PUT, &path, Duration::from_secs(URL_SECONDS))
            .await?;
        Ok(Some((signed.to_string(), URL_SECONDS)))
    }
}
