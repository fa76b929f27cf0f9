//! The settings of the function.

use weir_blob::BlobConfig;
use weir_http::{AccessConfig, BasePath, HttpLimits};
use weir_settings::{Deployed, WriterConfig};
use weir_store::ReaderConfig;

use crate::PublicDumps;

/// Answer the requests of API Gateway
#[derive(Debug, clap::Parser)]
#[command(name = "api", version)]
pub struct FunctionSettings {
    /// The database, the settings of the data, and the limits of writes.
    #[command(flatten)]
    pub writer: WriterConfig,
    /// The replica of the database.
    #[command(flatten)]
    pub reader: ReaderConfig,
    /// A setting of the deployment that is not read.
    #[command(flatten)]
    pub deployed: Deployed,

    /// Use a pooler that assigns a connection for one transaction only
    ///
    /// RDS Proxy does this, and `PgBouncer` in its transaction mode.
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

    /// Path of an API mapping of an HTTP API, for example `/weir`
    ///
    /// Clients write this path before the paths of the API. API Gateway does not send it.
    #[arg(long, env = "BASE_PATH", value_name = "PATH", default_value = "")]
    pub base_path: BasePath,
}
