//! The settings of the function.

use weir_settings::DataFlags;
use weir_store::DatabaseConfig;

use crate::DumpConfig;

/// Dumps yesterday, and every day that changed since it was dumped, when `EventBridge` Scheduler
/// says so.
#[derive(Debug, clap::Parser)]
#[command(name = "dump", version)]
pub struct FunctionSettings {
    /// The database.
    #[command(flatten)]
    pub database: DatabaseConfig,
    /// What is dumped, how and to where.
    #[command(flatten)]
    pub dump: DumpConfig,
    /// The settings of the data.
    #[command(flatten)]
    pub data: DataFlags,
}
