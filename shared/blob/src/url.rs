//! The URL of the files: an S3 bucket or a folder.

use std::{fmt, path::PathBuf, str::FromStr};

/// `s3://bucket/prefix` or `file:///folder`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum BlobUrl {
    /// An S3 bucket.
    S3 {
        /// The name of the bucket.
        bucket: String,
        /// The prefix of every file name, without slashes at its ends. It may be empty.
        prefix: String,
    },
    /// A folder of the local machine.
    File(PathBuf),
}

/// Returns whether a text contains only characters that are the same in a URL and in a path.
fn is_plain(text: &str) -> bool {
    text.split('/').all(|part| {
        !matches!(part, "" | "." | "..")
            && part.bytes().all(|b| {
                b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'=' | b'+' | b'!')
            })
    })
}

impl FromStr for BlobUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(place) = text.strip_prefix("s3://") {
            let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
            let prefix = prefix.trim_end_matches('/');
            if bucket.is_empty() || !is_plain(bucket) || !(prefix.is_empty() || is_plain(prefix)) {
                return Err(
                    "not s3://bucket/prefix; a prefix may have letters, digits and - _ . = + !"
                        .to_owned(),
                );
            }
            return Ok(Self::S3 { bucket: bucket.to_owned(), prefix: prefix.to_owned() });
        }
        match text.strip_prefix("file://") {
            Some(path) if path.starts_with('/') && !path.contains(['\0', '\n']) => {
                Ok(Self::File(path.into()))
            }
            Some(_) => {
                Err("a folder needs its absolute path, for example file:///var/dumps".to_owned())
            }
            None => Err("neither s3://bucket/prefix nor file:///folder".to_owned()),
        }
    }
}

impl fmt::Display for BlobUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::S3 { bucket, prefix } if prefix.is_empty() => write!(f, "s3://{bucket}"),
            Self::S3 { bucket, prefix } => write!(f, "s3://{bucket}/{prefix}"),
            Self::File(folder) => {
                let shown = folder.display().to_string();
                write!(
                    f,
                    "file://{}",
                    if shown.len() > 1 { shown.trim_end_matches('/') } else { &shown }
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_and_written() {
        for (text, shown) in [
            ("s3://bucket", "s3://bucket"),
            ("s3://bucket/", "s3://bucket"),
            ("s3://my.bucket/a/b=c/", "s3://my.bucket/a/b=c"),
            ("file:///var/dumps/", "file:///var/dumps"),
            ("file:///", "file:///"),
        ] {
            assert_eq!(text.parse::<BlobUrl>().unwrap().to_string(), shown);
        }
        for text in [
            "",
            "bucket",
            "s3://",
            "s3:///x",
            "s3://b/../c",
            "s3://b//c",
            "s3://b/ü",
            "file://dumps",
            "http://x/y",
            "s3://k:s@b/x",
        ] {
            assert!(text.parse::<BlobUrl>().is_err(), "{text}");
        }
    }
}
