//! The flags of `weir failures`.

use clap::{Args, Subcommand};

use crate::confirm::Confirmation;

/// The subcommands of `weir failures`.
#[derive(Debug, Clone, Subcommand)]
pub enum FailuresCommand {
    /// List failures, the newest first
    List {
        /// The filters.
        #[command(flatten)]
        which: WhichFailures,
        /// Maximum number of failures, 1 to 1000
        #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
        limit: u16,
        /// Print the list as JSON
        ///
        /// The JSON is the answer of the API's route /v1/failures.
        #[arg(long)]
        json: bool,
    },
    /// Count failures by topic, consumer group and class
    Summary {
        /// Only failures of this topic
        #[arg(long, value_name = "TOPIC")]
        topic: Option<String>,
        /// Print the counts as JSON
        ///
        /// The JSON is the answer of the API's route /v1/failures/summary.
        #[arg(long)]
        json: bool,
    },
    /// Print all fields of a failure as JSON
    Show {
        /// Id of the failure
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Run failures through their models again
    ///
    /// The exit code is 1 when a record is refused again.
    Retry {
        /// Ids of the failures
        #[arg(value_name = "ID", required_unless_present = "all", conflicts_with = "all")]
        ids: Vec<String>,
        /// Retry all failures, or all that match the filters
        #[arg(long)]
        all: bool,
        /// The filters for `--all`.
        #[command(flatten)]
        which: WhichFailures,
    },
    /// Delete the bytes of failures
    ///
    /// The record cannot be retried afterwards. A redelivery by Kafka does not restore it.
    #[command(visible_alias = "delete")]
    Discard {
        /// Ids of the failures
        #[arg(value_name = "ID", required = true)]
        ids: Vec<String>,
        /// The confirmation.
        #[command(flatten)]
        confirmation: Confirmation,
    },
}

/// The filters of failures.
#[derive(Debug, Clone, Args)]
pub struct WhichFailures {
    /// Only failures of this topic
    #[arg(long, value_name = "TOPIC")]
    pub topic: Option<String>,
    /// Only failures of this partition
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(0..))]
    pub partition: Option<i32>,
    /// Only failures of this entity, if the entity is known
    #[arg(long, value_name = "ID")]
    pub entity_id: Option<String>,
    /// Only failures of this event type, if the type is known
    #[arg(long, value_name = "TYPE")]
    pub event_type: Option<String>,
    /// Only failures of this class, such as `invalid_json`
    #[arg(long, value_name = "CLASS")]
    pub error_class: Option<String>,
}
