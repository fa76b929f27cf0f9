//! The settings of the function.

use weir_settings::DataFlags;
use weir_store::{DatabaseConfig, ReaderConfig};

use crate::DumpConfig;

/// Dump the previous day, and every stale or missing day, on a schedule
#[derive(Debug, clap::Parser)]
#[command(name = "dump", version)]
pub struct FunctionSettings {
    /// The database.
    #[command(flatten)]
    pub database: DatabaseConfig,
    /// The replica of the database.
    #[command(flatten)]
    pub reader: ReaderConfig,
    /// What is dumped, how and to where.
    #[command(flatten)]
    pub dump: DumpConfig,
    /// The settings of the data.
    #[command(flatten)]
    pub data: DataFlags,
}
