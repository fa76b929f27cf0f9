//! The settings of the function.

use weir_settings::{Deployed, WriterConfig};

/// Store the batches of Lambda's event source mapping for Kafka in PostgreSQL
#[derive(Debug, clap::Parser)]
#[command(name = "ingest", version)]
pub struct FunctionSettings {
    /// The database, the settings of the data, and the limits of writes.
    #[command(flatten)]
    pub writer: WriterConfig,
    /// A setting of the deployment that is not read.
    #[command(flatten)]
    pub deployed: Deployed,
}
