//! The formats of files.

use serde::{Deserialize, Serialize};

/// A file's format.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    clap::ValueEnum,
)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// One JSON object for each line, compressed with gzip
    Json,
    /// RFC 4180 with a header line, compressed with gzip
    Csv,
    /// Apache Parquet, compressed with zstd
    Parquet,
}

impl Format {
    /// Returns the extension of a file name of this format.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Json => "json.gz",
            Self::Csv => "csv.gz",
            Self::Parquet => "parquet",
        }
    }

    /// Returns the name of the folder with the files of this format.
    pub(crate) fn folder(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Parquet => "parquet",
        }
    }

    /// Returns the media type of a file of this format.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Json | Self::Csv => "application/gzip",
            Self::Parquet => "application/vnd.apache.parquet",
        }
    }
}
