//! The flags of the commands `send`, `collect`, `apply`, `transform` and `replay`.

use std::path::PathBuf;

use clap::Args;
use weir_collect::files::FileRules;
use weir_model::cdevents::convert::Converter;

use crate::confirm::Confirmation;

/// The flags of `weir send`.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = "Examples:
  weir send --topic orders -d '{\"id\": 1}'
  weir send --topic orders -d @orders.ndjson
  cat orders.ndjson | weir send --topic orders --url https://weir.example")]
pub struct SendArgs {
    /// Topic of the values
    #[arg(long, value_name = "TOPIC")]
    pub topic: String,
    /// Values, one on each line
    ///
    /// `@FILE` reads the values from a file, and `@-` reads them from stdin.
    #[arg(long, short = 'd', value_name = "DATA|@FILE|@-", default_value = "@-")]
    pub data: String,
    /// JSON pointer to the key of each record
    ///
    /// Without it, the model of the topic chooses the key.
    #[arg(long, value_name = "POINTER")]
    pub key: Option<String>,
    /// URL of the running weir
    #[arg(long, env = "WEIR_URL", value_name = "URL", default_value = "http://localhost:3000")]
    pub url: String,
    /// API key with the scope write
    #[arg(long, env = "WEIR_API_KEY", value_name = "KEY", hide_env_values = true)]
    pub api_key: Option<String>,
    /// Number of retries after a transient error
    #[arg(long, value_name = "N", default_value_t = 8)]
    pub retries: u32,
}

/// The flags of `weir collect`.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = "Examples:
  weir collect day --files '=readings'
  weir collect day --files 'boats/=readings,orders/=orders' --types value=number")]
pub struct CollectArgs {
    /// Folder with the files
    ///
    /// The names of the files end in .ndjson, .jsonl, .json, .csv or .tsv, or in one of them and
    /// .gz. Subfolders are read too.
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// The rules that map files to topics.
    #[command(flatten)]
    pub rules: FileRules,
    /// Send all files again
    #[arg(long)]
    pub again: bool,
}

/// The flags of `weir apply`.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = "Example of a file:
  [topics.orders]
  model = \"events\"
  event-fields = { entity_id = \"/id\", event_time = \"/at\" }

  [topics.old]
  remove = true

  [retention]
  keep = \"400d\"
  [retention.readings]
  keep = \"90d\"")]
pub struct ApplyArgs {
    /// TOML files with the new settings
    ///
    /// A table `[topics.NAME]` has `model`, `group`, `event-fields`, `dedupe`, `avro`, or
    /// `remove = true`. The table `[retention]` has `keep` for the log, and `[retention.NAME]` has
    /// `keep` for a series. Settings that no file names stay unchanged. A flag such as `--topics`
    /// replaces all settings of its kind.
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The confirmation.
    #[command(flatten)]
    pub confirmation: Confirmation,
}

/// The flags of `weir transform`.
#[derive(Debug, Clone, Args)]
pub struct TransformArgs {
    /// Converter of the message: ecr, github or gitlab
    #[arg(long, value_name = "NAME")]
    pub convert: Converter,
    /// Type of the message, for senders with a header for it
    ///
    /// For GitHub, it is the value of the header X-GitHub-Event.
    #[arg(long, value_name = "EVENT")]
    pub event: Option<String>,
    /// File with the body of the message; - reads stdin
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

/// The model or the plugin to replay.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = false, id = "what")]
pub struct WhatToReplay {
    /// Model whose tables are computed again
    #[arg(long, value_name = "MODEL")]
    pub model: Option<String>,
    /// Plugin whose tables are computed again
    ///
    /// The plugin must be enabled with `--plugins`.
    #[arg(long, value_name = "NAME")]
    pub plugin: Option<String>,
}

/// The flags of `weir replay`.
#[derive(Debug, Clone, Args)]
pub struct ReplayArgs {
    /// The model or the plugin.
    #[command(flatten)]
    pub what: WhatToReplay,
    /// Replay only the records of this topic
    ///
    /// The tables are then not emptied first.
    #[arg(long, value_name = "TOPIC", requires = "model")]
    pub topic: Option<String>,
    /// Replay only records that arrived on or after this day (UTC)
    ///
    /// The tables are then not emptied first.
    #[arg(long, value_name = "YYYY-MM-DD", requires = "model")]
    pub from: Option<jiff::civil::Date>,
    /// The confirmation.
    #[command(flatten)]
    pub confirmation: Confirmation,
}
