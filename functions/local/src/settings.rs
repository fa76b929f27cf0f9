//! Every setting of the program: a flag, an environment variable, a line of the file.

mod command;
mod dump;
mod failures;

use std::{net::IpAddr, path::PathBuf};

use clap::{Args, Parser};
use weir_api::PublicDumps;
use weir_collect::{CollectLimits, SourcesConfig};
use weir_dump::DumpConfig;
use weir_http::{AccessConfig, HttpLimits};
use weir_kafka::KafkaConfig;
use weir_model::Models;
use weir_plugin::Plugins;
use weir_settings::{DataSettings, DataTables, Wanted, WriterConfig};
use weir_store::{Store, Writer};

use crate::Exit;

pub use command::Command;
pub(crate) use command::{
    ApplyArgs, CollectArgs, KeysCommand, ReplayArgs, SendArgs, TopicCommand, TransformArgs,
};
pub(crate) use dump::{DumpArgs, DumpAt, DumpCommand, DumpedDays, RestoreArgs};
pub(crate) use failures::{FailuresCommand, WhichFailures};

/// Takes events off Kafka, keeps them in PostgreSQL exactly once in effect, and serves them.
///
/// Without a subcommand it runs the whole system, on an embedded PostgreSQL and an embedded Kafka
/// broker where none is given. Each flag is also an environment variable, and a line of the file
/// that --config names; a flag goes before the environment, that before the file.
#[derive(Debug, Clone, Parser)]
#[command(name = "weir", version, max_term_width = 110)]
pub struct Settings {
    /// Where the embedded parts keep their data
    #[arg(long, env = "WEIR_DATA_DIR", value_name = "DIR", default_value = ".weir")]
    pub data_dir: PathBuf,

    /// Folder of initdb and postgres for the embedded PostgreSQL; without it they are looked for,
    /// else fetched
    #[arg(long, env = "WEIR_POSTGRES_BIN", value_name = "DIR")]
    pub postgres_bin: Option<PathBuf>,

    /// Address that HTTP listens on; without API keys a loopback address
    #[arg(long, env = "WEIR_HOST", value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub host: IpAddr,

    /// Port that HTTP listens on; 0 takes a free one
    #[arg(long, env = "WEIR_PORT", value_name = "PORT", default_value_t = 3000)]
    pub port: u16,

    /// API keys.
    #[command(flatten)]
    pub access: AccessConfig,

    /// Serve Lambda's Invoke path although there are API keys; it needs one with the scope admin.
    /// Without keys it is served to this machine in any case
    #[arg(long, env = "WEIR_INVOKE_PATH")]
    pub invoke_path: bool,

    /// Port of the embedded Kafka broker; 0 takes a free one
    #[arg(long, env = "WEIR_KAFKA_PORT", value_name = "PORT", default_value_t = 9092)]
    pub kafka_port: u16,

    /// Kafka.
    #[command(flatten)]
    pub kafka: KafkaSettings,

    /// Do not publish sample events into a new data folder
    #[arg(long, env = "WEIR_NO_SAMPLE")]
    pub no_sample: bool,

    /// Check the schema instead of bringing it up to date
    #[arg(long, env = "WEIR_NO_MIGRATE")]
    pub no_migrate: bool,

    /// What is logged on stderr: error, warn, info, debug, or per module as in
    /// `info,weir_store=debug`
    #[arg(long, env = "WEIR_LOG", value_name = "FILTER", default_value = "info,librdkafka=error")]
    pub log: String,

    /// A TOML file with settings, named as the flags are
    #[arg(long, env = "WEIR_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Ingest.
    #[command(flatten)]
    pub ingest: WriterConfig,

    /// The API.
    #[command(flatten)]
    pub api: HttpLimits,

    /// Dumps.
    #[command(flatten)]
    pub dump: DumpConfig,

    /// What of dumps is open.
    #[command(flatten)]
    pub public: PublicDumps,

    /// When the day before is dumped, every day, as 06:00 (UTC); without it nothing is dumped by
    /// itself
    #[arg(long, env = "WEIR_DUMP_AT", value_name = "HH:MM")]
    pub dump_at: Option<DumpAt>,
    /// What is collected.
    #[command(flatten)]
    pub collect: CollectLimits,

    /// The table `sources` of the file
    #[arg(skip)]
    pub sources: SourcesConfig,

    /// The tables of the file that describe the data
    #[arg(skip)]
    pub tables: DataTables,

    /// What to do instead of running the system
    #[command(subcommand)]
    pub command: Option<Command>,
}

impl Settings {
    /// Returns the settings of the data that flags, environment and file set.
    pub(crate) fn wanted(&self) -> Result<Wanted, Exit> {
        Ok(Wanted { given: self.ingest.data.given()?, tables: self.tables.clone() })
    }

    /// Returns the effective settings of the data for a database. The error is a flag or file that
    /// contradicts the database.
    pub(crate) async fn data(&self, store: &Store) -> Result<DataSettings, Exit> {
        Ok(self.wanted()?.in_force(store).await?)
    }

    /// Creates a writer with these settings.
    pub(crate) async fn writer(
        &self,
        store: &Store,
        models: &Models,
        plugins: &Plugins,
    ) -> Result<Writer, Exit> {
        Ok(self.data(store).await?.writer_on(
            store.clone(),
            &self.ingest.limits,
            models,
            plugins,
        )?)
    }
}

/// Where Kafka is and how it is read.
#[derive(Debug, Clone, Args)]
pub struct KafkaSettings {
    /// Where.
    #[command(flatten)]
    pub client: KafkaConfig,

    /// How many batches are handled at the same time, of different partitions
    #[arg(long, env = "WEIR_LANES", value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub lanes: u16,

    /// Give a batch that failed twice in halves, as Lambda's `BisectBatchOnFunctionError` does
    #[arg(long, env = "WEIR_BISECT")]
    pub bisect: bool,
}
