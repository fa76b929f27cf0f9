//! The setting for the URL of the dumps.

use crate::BlobUrl;

/// The destination of the files.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct BlobConfig {
    /// Destination of the daily dumps
    ///
    /// Either `s3://bucket/prefix` or `file:///folder`. For S3, the variables of AWS set the region,
    /// the endpoint and the credentials. Without this setting, `weir` writes dumps to the folder
    /// `dumps` in its data folder.
    #[arg(long, env = "BLOB_URL", value_name = "URL")]
    pub blob_url: Option<BlobUrl>,
}
