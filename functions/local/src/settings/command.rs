//! The subcommands.

use clap::Subcommand;
use clap_complete::Shell;
use weir_http::{KeyName, Scope};

use super::{
    ApplyArgs, CollectArgs, DumpArgs, FailuresCommand, ReplayArgs, RestoreArgs, SendArgs,
    TransformArgs,
};
use crate::confirm::Confirmation;

/// The commands of the program.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Bring the database schema up to date
    ///
    /// The command also creates the tables of the log for the next months.
    Migrate {
        /// The subcommand; without one, the command migrates.
        #[command(subcommand)]
        what: Option<MigrateCommand>,
    },
    /// Compute the tables of a model or a plugin again from the log
    ///
    /// The command needs no Kafka.
    Replay(ReplayArgs),
    /// Write dumps of stored days to files
    ///
    /// Without a day, the command dumps the previous day, and every stale or missing day. The
    /// destination is `--blob-url`.
    Dump(DumpArgs),
    /// Load a dumped day into the database
    ///
    /// The database must not have rows of this model and day.
    Restore(RestoreArgs),
    /// Archive old months of the log, and drop old months of series
    ///
    /// A month of the log moves to the archive when all its events are older than `--keep`, and all
    /// its days are dumped as Parquet. The files are verified, and then replace the rows. A month
    /// of a series is dropped. Series have their own retention, which `weir apply` sets. The exit
    /// code is 1 when an old month is kept.
    Retention {
        /// Table of a month to drop without dumps, for example `events_2026_01`
        ///
        /// The flag can be given several times. The name of a default partition drops its old
        /// months.
        #[arg(long, value_name = "TABLE")]
        force: Vec<String>,
        /// Only show the tables of series with their sizes
        #[arg(long, conflicts_with = "force")]
        dry_run: bool,
        /// Print the dropped and the kept months, and the tables of series, as JSON
        #[arg(long, conflicts_with = "force")]
        json: bool,
        /// The confirmation of `--force`.
        #[command(flatten)]
        confirmation: Confirmation,
    },
    /// Repair the stored state of a topic
    Topic {
        /// The subcommand.
        #[command(subcommand)]
        what: TopicCommand,
    },
    /// Create and list API keys
    Keys {
        /// The subcommand.
        #[command(subcommand)]
        what: KeysCommand,
    },
    /// List, show, retry and discard records that could not be stored
    Failures {
        /// The subcommand.
        #[command(subcommand)]
        what: FailuresCommand,
    },
    /// Send values to a running weir over HTTP
    ///
    /// The command repeats a request after a transient error. A value can then be in the log twice;
    /// the tables of the models have it once.
    Send(SendArgs),
    /// Write the values in the files of a folder to Kafka
    ///
    /// A second run on the same folder skips the files and the values that are already in Kafka.
    Collect(CollectArgs),
    /// Compare the offsets in Kafka with the stored records
    ///
    /// The exit code is 1 when records are missing, or when a partition cannot be compared.
    Reconcile {
        /// Read missing records from Kafka again and store them
        #[arg(long)]
        repair: bool,
        /// Print the differences as JSON
        #[arg(long)]
        json: bool,
    },
    /// Print the reference of the SQL views as Markdown
    ///
    /// The views are in the schema `api`.
    SqlDocs,
    /// Convert a webhook message to CDEvents and print them
    ///
    /// The command prints one event on each line. It needs no database and no Kafka.
    Transform(TransformArgs),
    /// Change the settings that are stored in the database
    ///
    /// The stored settings describe the data: topics, consumer groups, plugins, retention. The
    /// command shows the changes before it stores them.
    Apply(ApplyArgs),
    /// Print all settings in force, each with its source
    ///
    /// The output is a valid configuration file. Secrets are masked.
    Config {
        /// Print the settings as JSON
        #[arg(long)]
        json: bool,
    },
    /// Print the completion script of a shell
    #[command(after_long_help = COMPLETIONS)]
    Completions {
        /// Shell that loads the script
        #[arg(value_name = "SHELL")]
        shell: Shell,
    },
    /// Print the version
    Version,
    /// All settings of Weir, with their environment variables
    ///
    /// Each setting is a flag, an environment variable, and a line in the file of `--config`. A
    /// flag overrides the variable, and the variable overrides the file. `weir config` prints the
    /// values in force.
    #[command(hide = true, override_usage = "weir [COMMAND] [SETTINGS]")]
    Settings,
}

const COMPLETIONS: &str = "Examples:
  weir completions bash > ~/.local/share/bash-completion/completions/weir
  weir completions zsh > ~/.zfunc/_weir    (with ~/.zfunc in fpath, before compinit)
  weir completions fish > ~/.config/fish/completions/weir.fish
  weir completions powershell >> $PROFILE";

/// The subcommands of `weir migrate`.
#[derive(Debug, Clone, Subcommand)]
pub enum MigrateCommand {
    /// List all migrations, applied and missing
    Status {
        /// Print the list as JSON
        #[arg(long)]
        json: bool,
    },
}

/// The subcommands of `weir topic`.
#[derive(Debug, Clone, Subcommand)]
pub enum TopicCommand {
    /// Begin a new epoch of a recreated topic
    ///
    /// The offsets of a recreated topic begin at 0 again. After the reset, its records count as
    /// new, and Weir reads the topic from the first offset. The stored records stay.
    Reset {
        /// Name of the topic
        #[arg(value_name = "TOPIC")]
        name: String,
        /// Reset the topic although it was not recreated
        ///
        /// All its records in Kafka are then stored once more.
        #[arg(long)]
        force: bool,
        /// The confirmation.
        #[command(flatten)]
        confirmation: Confirmation,
    },
}

/// The subcommands of `weir keys`.
#[derive(Debug, Clone, Subcommand)]
pub enum KeysCommand {
    /// Create an API key and print it
    ///
    /// The command adds the hash of the key to the file of `--api-keys-file`, and creates the file
    /// if it does not exist. The key is the last line of the output. It cannot be shown again.
    New {
        /// Rights of the key
        ///
        /// The flag can be given several times.
        #[arg(long, value_name = "SCOPE", value_enum, value_delimiter = ',', required = true)]
        scope: Vec<Scope>,
        /// Name of the key in lists and in the log
        ///
        /// The name has 1 to 64 characters of a-z, 0-9, _ and -. Without it, Weir creates a random
        /// name.
        #[arg(long, value_name = "NAME")]
        name: Option<KeyName>,
    },
    /// List the names and the rights of all API keys
    List {
        /// Print the list as JSON
        #[arg(long)]
        json: bool,
    },
}
