//! The subcommands and their flags.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use weir_collect::files::FileRules;
use weir_http::{KeyName, Scope};
use weir_model::cdevents::convert::Converter;

use crate::confirm::Confirmation;

use super::{DumpArgs, FailuresCommand, RestoreArgs};

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
    /// Dump days of every model to --blob-url: without days, yesterday and every day that is stale
    /// or missing
    Dump(DumpArgs),
    /// Load a dumped day into a database that has no rows of it
    Restore(RestoreArgs),
    /// Drop the months of the log that are older than --keep, and dumped and verified
    Retention {
        /// A month's table, as `events_2026_01`, that is dropped even if its days are not dumped
        /// and verified; may be given several times
        #[arg(long, value_name = "TABLE")]
        force: Vec<String>,
        /// Asked for with --force.
        #[command(flatten)]
        confirmation: Confirmation,
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
    /// Write the values in the files of a folder to Kafka; a folder that is collected again goes on
    /// where it ended
    Collect(CollectArgs),
    /// Compare the broker's offsets with the log and the failures: what is missing
    Reconcile {
        /// Fetch what is missing from the broker and store it
        #[arg(long)]
        repair: bool,
    },
    /// Print the reference of the schema api, which people and dashboards read, as Markdown
    SqlDocs,
    /// Print the CDEvents that a converter makes of a message, one a line; needs no database and no
    /// Kafka
    Transform(TransformArgs),
    /// Change the settings of the data in the database to what files and flags say: topics, groups,
    /// plugins, retention
    Apply(ApplyArgs),
    /// Print every setting as it is in force and where it comes from, secrets masked
    Config,
}

/// The flags of `weir send`.
#[derive(Debug, Clone, Args)]
pub struct SendArgs {
    /// The topic
    #[arg(long, value_name = "TOPIC")]
    pub topic: String,
    /// The values, one a line; @FILE takes them from a file, @- from stdin, which is also where
    /// they come from without it
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
    /// The folder; below it files end in .ndjson, .jsonl, .json, .csv or .tsv, and may be gzip with
    /// .gz behind that
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// Which files go where.
    #[command(flatten)]
    pub rules: FileRules,
    /// Begin anew, whatever was collected before
    #[arg(long)]
    pub again: bool,
}

/// The flags of `weir apply`.
#[derive(Debug, Clone, Args)]
pub struct ApplyArgs {
    /// TOML files with tables as [topics.orders], which have model, group, event-fields, dedupe,
    /// avro or remove = true, and [retention] with keep; what they do not name stays. A flag as
    /// --topics says all of its kind
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Whether it is asked.
    #[command(flatten)]
    pub confirmation: Confirmation,
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

/// What to do about a topic.
#[derive(Debug, Clone, Subcommand)]
pub enum TopicCommand {
    /// A topic was made anew and its offsets began again: begin a new epoch, so that its records
    /// are new
    Reset {
        /// The topic
        name: String,
        /// Also where the topic is the one that is stored
        #[arg(long)]
        force: bool,
        /// Whether it is asked.
        #[command(flatten)]
        confirmation: Confirmation,
    },
}

/// What to do about API keys.
#[derive(Debug, Clone, Subcommand)]
pub enum KeysCommand {
    /// Make a key, add its hash to --api-keys-file, and print it, this once: alone on the last line
    /// of stdout
    New {
        /// What it is good for; may be given several times
        #[arg(long, value_name = "SCOPE", value_enum, value_delimiter = ',', required = true)]
        scope: Vec<Scope>,
        /// What it is called in the list and in the log, 1 to 64 of a-z, 0-9, _ and -; a random
        /// name without it
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
    /// Whether it is asked.
    #[command(flatten)]
    pub confirmation: Confirmation,
}
