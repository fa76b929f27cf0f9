//! The settings of the function.

use std::path::PathBuf;

use weir_kafka::{KafkaConfig, MskConfig};
use weir_settings::DataFlags;
use weir_store::{DatabaseConfig, DatabaseRoles};

/// Bring schema, roles, settings and topics up to date
#[derive(Debug, Clone, clap::Parser)]
#[command(name = "migrate", version)]
pub struct MigrateConfig {
    /// The database. Its user needs the right to create roles, unless no roles are created.
    #[command(flatten)]
    pub database: DatabaseConfig,

    /// The settings of the data. If the request of the template has settings, they are used
    /// instead.
    #[command(flatten)]
    pub data: DataFlags,

    /// Kafka.
    #[command(flatten)]
    pub kafka: KafkaConfig,

    /// Kafka as MSK.
    #[command(flatten)]
    pub msk: MskConfig,

    /// Folder with TOML files of the settings of the data, which each deployment applies
    #[arg(long, env = "SETTINGS_DIR", value_name = "DIR")]
    pub settings_dir: Option<PathBuf>,

    /// Login method of the database roles weir_ingest, weir_api, weir_dump and weir_operator
    ///
    /// Each role has only the rights that its function needs.
    #[expect(clippy::doc_markdown, reason = "shown by --help")]
    #[arg(long, env = "DATABASE_ROLES", value_name = "HOW", value_enum, default_value_t = DatabaseRoles::None)]
    pub database_roles: DatabaseRoles,
}
