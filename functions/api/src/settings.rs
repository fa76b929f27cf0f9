//! The settings of the function.

use weir_blob::BlobConfig;
use weir_http::{AccessConfig, BasePath, HttpLimits};
use weir_settings::{Deployed, WriterConfig};

use crate::PublicDumps;

/// Answers what API Gateway hands over.
#[derive(Debug, clap::Parser)]
#[command(name = "api", version)]
pub struct FunctionSettings {
    /// The database, the settings of the data, and the limits of writes.
    #[command(flatten)]
    pub writer: WriterConfig,
    /// A setting of the deployment that is not read.
    #[command(flatten)]
    pub deployed: Deployed,

    /// The database URL names a pooler that gives connections out by the transaction: RDS Proxy, or
    /// `PgBouncer` in that mode
    #[arg(long, env = "DATABASE_POOLED")]
    pub database_pooled: bool,

    /// API keys.
    #[command(flatten)]
    pub access: AccessConfig,
    /// The limits of requests.
    #[command(flatten)]
    pub limits: HttpLimits,
    /// The destination of dumps.
    #[command(flatten)]
    pub blob: BlobConfig,
    /// The models whose dumps are public.
    #[command(flatten)]
    pub public: PublicDumps,

    /// What clients write before the API's own paths where API Gateway does not say it: the path of
    /// an API mapping of an HTTP API, as `/weir`
    #[arg(long, env = "BASE_PATH", value_name = "PATH", default_value = "")]
    pub base_path: BasePath,
}
