//! The flags of `weir failures`.

use clap::{Args, Subcommand};

use crate::confirm::Confirmation;

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
        /// Whether it is asked.
        #[command(flatten)]
        confirmation: Confirmation,
    },
}

/// Which failures.
#[derive(Debug, Clone, Args)]
pub struct WhichFailures {
    /// Only those of this topic
    #[arg(long, value_name = "TOPIC")]
    pub topic: Option<String>,
    /// Only those of this partition
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(0..))]
    pub partition: Option<i32>,
    /// Only those about this entity, where decoding got that far
    #[arg(long, value_name = "ID")]
    pub entity_id: Option<String>,
    /// Only those of this event type, where decoding got that far
    #[arg(long, value_name = "TYPE")]
    pub event_type: Option<String>,
}
