//! Every setting of the program: a flag, an environment variable, a line of the file.

mod arguments;
mod command;
mod dump;
mod failures;
mod groups;

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
use weir_store::{ReaderConfig, Store, Writer};

use crate::{
    Exit,
    log::{LOG_DEFAULT, LogFormat},
};

pub(crate) use arguments::{ApplyArgs, CollectArgs, ReplayArgs, SendArgs, TransformArgs};
pub use command::Command;
pub(crate) use command::{KeysCommand, MigrateCommand, TopicCommand};
pub(crate) use dump::{DumpArgs, DumpAt, DumpCommand, DumpedDays, RestoreArgs};
pub(crate) use failures::{FailuresCommand, WhichFailures};
pub(crate) use groups::{for_completions, with_help};

/// Store events from Kafka in PostgreSQL exactly once in effect, and serve them
///
/// Without a command, `weir` runs the whole system: it reads Kafka, stores the records in
/// PostgreSQL and serves HTTP. It starts an embedded PostgreSQL if no database is given, and an
/// embedded Kafka broker if no broker is given.
#[derive(Debug, Clone, Parser)]
#[command(name = "weir", version, max_term_width = 110)]
pub struct Settings {
    /// Folder for the data of this machine
    ///
    /// The folder contains the data of the embedded PostgreSQL, the progress of `weir collect`, and
    /// the dumps if `--blob-url` is not given.
    #[arg(long, env = "WEIR_DATA_DIR", value_name = "DIR", default_value = ".weir")]
    pub data_dir: PathBuf,

    /// Folder with the programs initdb and postgres for the embedded PostgreSQL
    ///
    /// Without it, Weir searches the usual folders, and downloads PostgreSQL if it finds none.
    #[arg(long, env = "WEIR_POSTGRES_BIN", value_name = "DIR")]
    pub postgres_bin: Option<PathBuf>,

    /// Port of the embedded Kafka broker; 0 means a free port
    #[arg(long, env = "WEIR_KAFKA_PORT", value_name = "PORT", default_value_t = 9092)]
    pub kafka_port: u16,

    /// Kafka.
    #[command(flatten)]
    pub kafka: KafkaSettings,

    /// Dumps.
    #[command(flatten)]
    pub dump: DumpConfig,

    /// Time of the daily dump in UTC, for example 06:00
    ///
    /// The daily dump writes the previous day, and every stale or missing day. Without this setting
    /// weir writes no daily dump.
    #[arg(long, env = "WEIR_DUMP_AT", value_name = "HH:MM")]
    pub dump_at: Option<DumpAt>,

    /// The dumps that can be read without a key.
    #[command(flatten)]
    pub public: PublicDumps,

    /// The replica of the database.
    #[command(flatten)]
    pub reader: ReaderConfig,

    /// Ingest.
    #[command(flatten)]
    pub ingest: WriterConfig,

    /// Address on which HTTP listens
    ///
    /// Without API keys it must be a loopback address.
    #[arg(long, env = "WEIR_HOST", value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub host: IpAddr,

    /// Port on which HTTP listens; 0 means a free port
    #[arg(long, env = "WEIR_PORT", value_name = "PORT", default_value_t = 3000)]
    pub port: u16,

    /// API keys.
    #[command(flatten)]
    pub access: AccessConfig,

    /// Serve the path of AWS Lambda's Invoke API when there are API keys
    ///
    /// A request then needs a key with the scope admin. Without API keys, `weir` always serves the
    /// path, on its loopback address.
    #[arg(long, env = "WEIR_INVOKE_PATH")]
    pub invoke_path: bool,

    /// The API.
    #[command(flatten)]
    pub api: HttpLimits,

    /// The limits of requests to collect.
    #[command(flatten)]
    pub collect: CollectLimits,

    /// Do not write sample events to Kafka when the data folder is new
    #[arg(long, env = "WEIR_NO_SAMPLE")]
    pub no_sample: bool,

    /// Check the database schema, and do not migrate it
    #[arg(long, env = "WEIR_NO_MIGRATE")]
    pub no_migrate: bool,

    /// Run the command in the AWS stack of this name
    ///
    /// The function `admin` of the stack runs the command. You need the right to invoke it.
    #[arg(long, env = "WEIR_AWS", value_name = "STACK", value_parser = stack_name)]
    pub aws: Option<String>,

    /// TOML file with settings
    ///
    /// A setting in the file has the name of its flag, for example `port = 3000`. A flag overrides
    /// the environment variable, and the variable overrides the file.
    #[arg(long, env = "WEIR_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Log lines that are printed on stderr
    ///
    /// Either a level (error, warn, info, debug, trace), or levels for modules, for example
    /// `info,weir_store=debug`. On a terminal, the default leaves out the line for each HTTP
    /// request; `--log info` prints these lines too. The lines of health checks have the level
    /// debug.
    #[arg(long, env = "WEIR_LOG", value_name = "FILTER", default_value = LOG_DEFAULT)]
    pub log: String,

    /// Format of the log lines
    #[arg(long, env = "WEIR_LOG_FORMAT", value_name = "FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,

    /// The table `sources` of the file
    #[arg(skip)]
    pub sources: SourcesConfig,

    /// The tables of the file that describe the data
    #[arg(skip)]
    pub tables: DataTables,

    /// The command line for the table `audit`, if the command changes data
    #[arg(skip)]
    pub audited: Option<String>,

    /// The command; without one, the whole system runs.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Checks a name by the rules of CloudFormation.
fn stack_name(text: &str) -> Result<String, String> {
    let is_name = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    is_name
        .then(|| text.to_owned())
        .ok_or_else(|| "the name of a stack has letters, digits and hyphens".to_owned())
}

impl Settings {
    /// Returns the addresses of the brokers, or of the embedded broker of a `weir` on this machine.
    pub(crate) fn bootstrap(&self) -> String {
        let embedded = || format!("localhost:{}", self.kafka_port);
        self.kafka.client.kafka.clone().unwrap_or_else(embedded)
    }

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

/// The settings of Kafka, and of reading from it.
#[derive(Debug, Clone, Args)]
pub struct KafkaSettings {
    /// The brokers.
    #[command(flatten)]
    pub client: KafkaConfig,

    /// Number of workers that read Kafka and store batches at the same time
    ///
    /// Each worker reads different partitions.
    #[arg(long, env = "WEIR_LANES", value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub lanes: u16,

    /// Split a batch that has failed twice, and retry it in two halves
    ///
    /// The setting `BisectBatchOnFunctionError` of AWS Lambda does the same.
    #[arg(long, env = "WEIR_BISECT")]
    pub bisect: bool,
}
