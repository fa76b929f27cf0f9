//! The setting for the URL of the dumps.

use crate::BlobUrl;

/// Where files go.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct BlobConfig {
    /// Where daily dumps lie: `s3://bucket/prefix` (region, endpoint and credentials as AWS's own
    /// variables say) or `file:///folder`
    #[arg(long, env = "BLOB_URL", value_name = "URL")]
    pub blob_url: Option<BlobUrl>,
}
