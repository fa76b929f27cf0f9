//! The flags of `weir dump` and `weir restore`, and the time of the daily dump.

use clap::{Args, Subcommand};
use weir_blob::{BlobUrl, UtcDay};

/// The flags of `weir dump`.
#[derive(Debug, Clone, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct DumpArgs {
    /// Only this day (UTC)
    #[arg(long, value_name = "YYYY-MM-DD", conflicts_with_all = ["from", "to"])]
    pub dump_date: Option<UtcDay>,
    /// The first of several days
    #[arg(long, value_name = "YYYY-MM-DD", requires = "to")]
    pub from: Option<UtcDay>,
    /// The last of several days
    #[arg(long, value_name = "YYYY-MM-DD", requires = "from")]
    pub to: Option<UtcDay>,
    /// What else
    #[command(subcommand)]
    pub what: Option<DumpCommand>,
}

/// What else to do about dumps.
#[derive(Debug, Clone, Subcommand)]
pub enum DumpCommand {
    /// Say of each day whether it is dumped, stale or missing
    Status(DumpedDays),
    /// Read files again and hold them against their manifests and the database; exits 1 when
    /// something differs
    Verify(DumpedDays),
}

/// Which dumped days.
#[derive(Debug, Clone, Args)]
pub struct DumpedDays {
    /// The first day; the first that is known without it
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub from: Option<UtcDay>,
    /// The last day; the last that is known without it
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub to: Option<UtcDay>,
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
