//! The flags of `weir dump` and `weir restore`, and the time of the daily dump.

use clap::{Args, Subcommand};
use weir_blob::{BlobUrl, UtcDay};

/// The flags of `weir dump`.
#[derive(Debug, Clone, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct DumpArgs {
    /// Day to dump (UTC)
    #[arg(long, value_name = "YYYY-MM-DD", conflicts_with_all = ["from", "to"])]
    pub dump_date: Option<UtcDay>,
    /// First day to dump
    #[arg(long, value_name = "YYYY-MM-DD", requires = "to")]
    pub from: Option<UtcDay>,
    /// Last day to dump
    #[arg(long, value_name = "YYYY-MM-DD", requires = "from")]
    pub to: Option<UtcDay>,
    /// The subcommand; without one, the command dumps.
    #[command(subcommand)]
    pub what: Option<DumpCommand>,
}

/// The subcommands of `weir dump`.
#[derive(Debug, Clone, Subcommand)]
pub enum DumpCommand {
    /// List all days with their state: dumped, stale or missing
    Status(DumpedDays),
    /// Compare dumped files with their manifests and the database
    ///
    /// The exit code is 1 when a file differs.
    Verify(DumpedDays),
}

/// The flags of `weir dump status` and `weir dump verify`.
#[derive(Debug, Clone, Args)]
pub struct DumpedDays {
    /// First day; without it, the first known day
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub from: Option<UtcDay>,
    /// Last day; without it, the last known day
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub to: Option<UtcDay>,
    /// Print the list as JSON
    #[arg(long)]
    pub json: bool,
}

/// The flags of `weir restore`.
#[derive(Debug, Clone, Args)]
pub struct RestoreArgs {
    /// Location of the dump; without it, the one of --blob-url
    #[arg(long, value_name = "URL")]
    pub from: Option<BlobUrl>,
    /// Model of the dump
    #[arg(long, value_name = "MODEL")]
    pub model: String,
    /// Day of the dump (UTC)
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub day: UtcDay,
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
        let two = |text: &str| {
            text.parse::<u16>()
                .ok()
                .filter(|_| text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit()))
        };
        let time = text.split_once(':').and_then(|(hour, minute)| Some((two(hour)?, two(minute)?)));
        match time {
            Some((hour, minute)) if hour < 24 && minute < 60 => {
                Ok(Self { minutes: hour * 60 + minute })
            }
            _ => Err("not a time of day: give for example 06:00".to_owned()),
        }
    }
}
