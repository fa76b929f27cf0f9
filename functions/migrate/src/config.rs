//! The settings of the function.

use weir_kafka::{KafkaConfig, MskConfig};
use weir_settings::DataFlags;
use weir_store::{DatabaseConfig, DatabaseRoles};

/// Applies Weir's migrations.
#[derive(Debug, Clone, clap::Parser)]
#[command(name = "migrate", version)]
pub struct MigrateConfig {
    /// The database; its user has to be one that may make roles, unless none are made.
    #[command(flatten)]
    pub database: DatabaseConfig,

    /// What describes the data, where the template's request does not say it.
    #[command(flatten)]
    pub data: DataFlags,

    /// Kafka.
    #[command(flatten)]
    pub kafka: KafkaConfig,

    /// Kafka as MSK.
    #[command(flatten)]
    pub msk: MskConfig,

    /// How the roles weir_ingest, weir_api and weir_dump log in, which are made with just their
    /// rights
    #[expect(clippy::doc_markdown, reason = "shown by --help")]
    #[arg(long, env = "DATABASE_ROLES", value_name = "HOW", value_enum, default_value_t = DatabaseRoles::None)]
    pub database_roles: DatabaseRoles,
}
