//! Every setting of the program: a flag, an environment variable, a line of the file.

use std::{net::IpAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand};
use weir_api::PublicDumps;
use weir_blob::{BlobUrl, Day};
use weir_collect::{CollectLimits, SourcesConfig, files::FileRules};
use weir_dump::DumpConfig;
use weir_http::{AccessConfig, HttpLimits, KeyName, Scope};
use weir_kafka::KafkaConfig;
use weir_model::cdevents::convert::Converter;
use weir_settings::WriterConfig;

/// Takes events off Kafka, keeps them in PostgreSQL exactly once in effect, and serves them.
///
/// Without a subcommand it runs the whole system, on an embedded PostgreSQL and an embedded Kafka broker
/// where none is given. Each flag is also an environment variable, and a line of the file that --config
/// names; a flag goes before the environment, that before the file.
#[derive(Debug, Clone, Parser)]
#[command(name = "weir", version, max_term_width = 110)]
pub struct Settings {
    /// Where the embedded parts keep their data
    #[arg(long, env = "WEIR_DATA_DIR", value_name = "DIR", default_value = ".weir")]
    pub data_dir: PathBuf,

    /// Folder of initdb and postgres for the embedded PostgreSQL; without it they are looked for, else fetched
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

    /// What is logged on stderr: error, warn, info, debug, or per module as in `info,weir_store=debug`
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

    /// When the day before is dumped, every day, as 06:00 (UTC); without it nothing is dumped by itself
    #[arg(long, env = "WEIR_DUMP_AT", value_name = "HH:MM")]
    pub dump_at: Option<DumpAt>,
    /// What is collected.
    #[command(flatten)]
    pub collect: CollectLimits,

    /// The table `sources` of the file
    #[arg(skip)]
    pub sources: SourcesConfig,

    /// What to do instead of running the system
    #[command(subcommand)]
    pub command: Option<Command>,
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

/// What else the program does.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Bring the schema up to date, and make the log's months ahead
    Migrate {
        /// Only say what is there and what is missing
        #[command(subcommand)]
        what: Option<MigrateCommand>,
    },
    /// Rebuild a projection, or a plugin's tables, from the log, without Kafka
    Replay(ReplayArgs),
    /// Dump days of every model to --blob-url: without days, yesterday and every day that is stale or missing
    Dump(DumpArgs),
    /// Load a dumped day into a database that has no rows of it
    Restore(RestoreArgs),
    /// Drop the months of the log that are older than --keep, and dumped and verified
    Retention {
        /// A month's table, as `events_2026_01`, that is dropped even if its days are not dumped and verified; may be given several times
        #[arg(long, value_name = "TABLE")]
        force: Vec<String>,
    },
    /// What to do about a topic
    Topic {
        /// What
        #[command(subcommand)]
        what: TopicCommand,
    },
    /// The API keys in --api-keys-file
    Keys {
        /// What
        #[command(subcommand)]
        what: KeysCommand,
    },
    /// Records that could not be stored: see them, try them again, give them up
    Failures {
        /// What
        #[command(subcommand)]
        what: FailuresCommand,
    },
    /// Send values to a weir over HTTP, as curl would, and again when they do not get through
    Send(SendArgs),
    /// Write the values in the files of a folder to Kafka; a folder that is collected again goes on where it ended
    Collect(CollectArgs),
    /// Compare the broker's offsets with the log and the failures: what is missing
    Reconcile,
    /// Print the reference of the schema api, which people and dashboards read, as Markdown
    SqlDocs,
    /// Print the CDEvents that a converter makes of a message, one a line; needs no database and no Kafka
    Transform(TransformArgs),
    /// Print every setting as it is in force, secrets masked
    Config,
}

/// The flags of `weir send`.
#[derive(Debug, Clone, Args)]
pub struct SendArgs {
    /// The topic
    #[arg(long, value_name = "TOPIC")]
    pub topic: String,
    /// The values, one a line; @FILE takes them from a file, @- from stdin, which is also where they come from without it
    #[arg(long, short = 'd', value_name = "DATA|@FILE|@-", default_value = "@-")]
    pub data: String,
    /// A JSON pointer to each record's key; without it, what the model says the event is about
    #[arg(long, value_name = "POINTER")]
    pub key: Option<String>,
    /// Where the weir is
    #[arg(long, env = "WEIR_URL", value_name = "URL", default_value = "http://localhost:3000")]
    pub url: String,
    /// An API key with the scope write
    #[arg(long, env = "WEIR_API_KEY", value_name = "KEY", hide_env_values = true)]
    pub api_key: Option<String>,
    /// How often it is tried again when the weir, or its Kafka, is away
    #[arg(long, value_name = "N", default_value_t = 8)]
    pub retries: u32,
}

/// The flags of `weir collect`.
#[derive(Debug, Clone, Args)]
pub struct CollectArgs {
    /// The folder; below it files end in .ndjson, .jsonl, .json or .csv, and may be gzip with .gz behind that
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// Which files go where.
    #[command(flatten)]
    pub rules: FileRules,
    /// Begin anew, whatever was collected before
    #[arg(long)]
    pub again: bool,
}

/// The flags of `weir transform`.
#[derive(Debug, Clone, Args)]
pub struct TransformArgs {
    /// The converter: ecr, github or gitlab
    #[arg(long, value_name = "NAME")]
    pub convert: Converter,
    /// What the message is, where its sender says so in a header: GitHub's X-GitHub-Event
    #[arg(long, value_name = "EVENT")]
    pub event: Option<String>,
    /// The message's body; - reads it from stdin
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

/// What to do about the schema.
#[derive(Debug, Clone, Subcommand)]
pub enum MigrateCommand {
    /// Say which migrations were applied and which are missing
    Status,
}

/// What to do about failures.
#[derive(Debug, Clone, Subcommand)]
pub enum FailuresCommand {
    /// Print them, the newest first
    List {
        /// Which.
        #[command(flatten)]
        which: WhichFailures,
        /// How many, 1 to 1000
        #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
        limit: u16,
        /// As the API's JSON
        #[arg(long)]
        json: bool,
    },
    /// Print one of them whole, as JSON
    Show {
        /// Its id, as `list` prints it
        id: String,
    },
    /// Try them again; exits 1 when one is refused again
    Retry {
        /// Their ids
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        ids: Vec<String>,
        /// All of them, or all that match the filters
        #[arg(long)]
        all: bool,
        /// Which, of all.
        #[command(flatten)]
        which: WhichFailures,
    },
    /// Give them up: their bytes are dropped, and a redelivery does not bring them back
    #[command(visible_alias = "delete")]
    Discard {
        /// Their ids
        #[arg(required = true)]
        ids: Vec<String>,
    },
}

/// Which failures.
#[derive(Debug, Clone, Args)]
pub struct WhichFailures {
    /// Only those of this topic
    #[arg(long, value_name = "TOPIC")]
    pub topic: Option<String>,
    /// Only those of this partition
    #[arg(long, value_name = "N")]
    pub partition: Option<i32>,
    /// Only those about this entity, where decoding got that far
    #[arg(long, value_name = "ID")]
    pub entity_id: Option<String>,
    /// Only those of this event type, where decoding got that far
    #[arg(long, value_name = "TYPE")]
    pub event_type: Option<String>,
}

/// What to do about a topic.
#[derive(Debug, Clone, Subcommand)]
pub enum TopicCommand {
    /// A topic was made anew and its offsets began again: begin a new epoch, so that its records are new
    Reset {
        /// The topic
        name: String,
    },
}

/// What to do about API keys.
#[derive(Debug, Clone, Subcommand)]
pub enum KeysCommand {
    /// Make a key, add its hash to --api-keys-file, and print it, this once: alone on the last line of stdout
    New {
        /// What it is good for; may be given several times
        #[arg(long, value_name = "SCOPE", value_enum, value_delimiter = ',', required = true)]
        scope: Vec<Scope>,
        /// What it is called in the list and in the log, 1 to 64 of a-z, 0-9, _ and -; a random name without it
        #[arg(long, value_name = "NAME")]
        name: Option<KeyName>,
    },
    /// Print names and scopes
    List,
}

/// What to replay.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = false, id = "what")]
pub struct WhatToReplay {
    /// The model whose projection is rebuilt
    #[arg(long, value_name = "MODEL")]
    pub model: Option<String>,
    /// The plugin whose tables are computed anew; it must be among --plugins
    #[arg(long, value_name = "NAME")]
    pub plugin: Option<String>,
}

/// The flags of `weir replay`.
#[derive(Debug, Clone, Args)]
pub struct ReplayArgs {
    /// Which.
    #[command(flatten)]
    pub what: WhatToReplay,
    /// Only this topic; nothing is emptied then
    #[arg(long, value_name = "TOPIC", requires = "model")]
    pub topic: Option<String>,
    /// Only what arrived on or after this day (UTC); nothing is emptied then
    #[arg(long, value_name = "YYYY-MM-DD", requires = "model")]
    pub from: Option<jiff::civil::Date>,
}

/// The flags of `weir dump`.
#[derive(Debug, Clone, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct DumpArgs {
    /// Only this day (UTC)
    #[arg(long, value_name = "YYYY-MM-DD", conflicts_with_all = ["from", "to"])]
    pub dump_date: Option<Day>,
    /// The first of several days
    #[arg(long, value_name = "YYYY-MM-DD", requires = "to")]
    pub from: Option<Day>,
    /// The last of several days
    #[arg(long, value_name = "YYYY-MM-DD", requires = "from")]
    pub to: Option<Day>,
    /// What else
    #[command(subcommand)]
    pub what: Option<DumpCommand>,
}

/// What else to do about dumps.
#[derive(Debug, Clone, Subcommand)]
pub enum DumpCommand {
    /// Say of each day whether it is dumped, stale or missing
    Status(DumpedDays),
    /// Read files again and hold them against their manifests and the database; exits 1 when something differs
    Verify(DumpedDays),
}

/// Which dumped days.
#[derive(Debug, Clone, Args)]
pub struct DumpedDays {
    /// The first day; the first that is known without it
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub from: Option<Day>,
    /// The last day; the last that is known without it
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub to: Option<Day>,
}

/// The flags of `weir restore`.
#[derive(Debug, Clone, Args)]
pub struct RestoreArgs {
    /// Where the dump lies; --blob-url without it
    #[arg(long, value_name = "URL")]
    pub from: Option<BlobUrl>,
    /// The model
    #[arg(long, value_name = "MODEL")]
    pub model: String,
    /// The day
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub day: Day,
}

/// A time of day, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DumpAt {
    /// Minutes since midnight.
    pub minutes: u16,
}

impl std::str::FromStr for DumpAt {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let two = |text: &str| text.parse::<u16>().ok().filter(|_| text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit()));
        let time = text.split_once(':').and_then(|(hour, minute)| Some((two(hour)?, two(minute)?)));
        match time {
            Some((hour, minute)) if hour < 24 && minute < 60 => Ok(Self { minutes: hour * 60 + minute }),
            _ => Err("give a time of day, as 06:00".to_owned()),
        }
    }
}
