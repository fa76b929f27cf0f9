//! The place in S3 for uploads.

use std::str::FromStr;

/// The bucket and the prefix for uploads: `s3://bucket/prefix`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadUrl {
    /// The name of the bucket.
    pub bucket: String,
    /// The prefix of the keys, without a slash at its ends.
    pub prefix: String,
}

impl FromStr for UploadUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (bucket, prefix) = text
            .strip_prefix("s3://")
            .ok_or("expected s3://BUCKET/PREFIX")
            .map(|rest| rest.split_once('/').unwrap_or((rest, "")))?;
        if bucket.is_empty() {
            return Err("the URL has no bucket");
        }
        Ok(Self { bucket: bucket.to_owned(), prefix: prefix.trim_matches('/').to_owned() })
    }
}
