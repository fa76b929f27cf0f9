//! The settings of dumps.

use weir_blob::{BlobConfig, BlobUrl, Format};
use weir_model::Models;

use crate::DumpError;

/// The settings of dumps.
#[derive(Debug, Clone, clap::Args)]
pub struct DumpConfig {
    /// The destination.
    #[command(flatten)]
    pub blob: BlobConfig,

    /// Models to dump
    ///
    /// Without this setting, Weir dumps all models.
    #[arg(long, env = "DUMP_MODELS", value_name = "MODEL,…", value_delimiter = ',')]
    pub models: Vec<String>,

    /// Formats of the dumped files
    #[arg(
        long,
        env = "DUMP_FORMATS",
        value_name = "FORMAT,…",
        value_enum,
        value_delimiter = ',',
        default_value = "json,parquet"
    )]
    pub formats: Vec<Format>,
}

impl DumpConfig {
    /// Returns the destination; an error when no destination is set.
    pub fn url(&self) -> Result<&BlobUrl, DumpError> {
        let missing = || {
            DumpError::Refused(
                "no destination of dumps is set: give --blob-url (BLOB_URL), for example \
                s3://bucket/prefix or file:///folder"
                    .to_owned(),
            )
        };
        self.blob.blob_url.as_ref().ok_or_else(missing)
    }

    /// Returns the formats, sorted, each once.
    pub fn formats(&self) -> Vec<Format> {
        let mut formats = self.formats.clone();
        formats.sort_unstable();
        formats.dedup();
        formats
    }

    /// Returns the names of the models that are dumped: the log, and each model that has a table.
    /// An unknown name is an error.
    pub fn models(&self, models: &Models) -> Result<Vec<String>, DumpError> {
        let all: Vec<&str> = models
            .iter()
            .filter(|m| m.name() == crate::LOG || m.table().is_some())
            .map(|m| m.name())
            .collect();
        if self.models.is_empty() {
            return Ok(all.into_iter().map(ToOwned::to_owned).collect());
        }
        for name in &self.models {
            if !all.contains(&name.as_str()) {
                return Err(DumpError::Refused(format!(
                    "model {name:?} does not exist or has no table to dump; the models are: {}",
                    all.join(", ")
                )));
            }
        }
        Ok(all
            .into_iter()
            .filter(|name| self.models.iter().any(|m| m == name))
            .map(ToOwned::to_owned)
            .collect())
    }
}
