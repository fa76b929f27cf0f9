//! Every measurement in one binary. Each starts its own throw-away PostgreSQL with fsync on, measures
//! interleaved, takes medians, and prints a table for people and, last, `ratio NAME VALUE` lines for scripts.
//!
//! `cargo run --release --bin bench -- ingest`

mod batches;
mod cdevents;
mod ceiling;
mod collect;
mod dump;
mod ingest;
mod load;
mod rest;
mod server;
mod start;
mod times;

use clap::{Parser, Subcommand};

/// As `weir` has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Weir's measurements: ratios against a ceiling of the same run.
#[derive(Parser)]
#[command(name = "bench")]
struct Settings {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Event bytes to COMMIT, against COPY of ready-made rows into the same tables
    Ingest(ingest::Options),
    /// Readings over HTTP into Kafka, against a bare producer
    Collect(collect::Options),
    /// CDEvents: event bytes to COMMIT, against COPY into the log and `cdevents`, and what dashboards ask
    Cdevents(cdevents::Options),
    /// The REST API, against pgbench and psql COPY
    Rest(rest::Options),
    /// A day of readings into files, against psql COPY
    Dump(dump::Options),
    /// Cold starts of the functions that `sam build` made
    Start(start::Options),
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Settings::parse().what {
        What::Ingest(options) => ingest::run(&options).await,
        What::Collect(options) => collect::run(&options).await,
        What::Cdevents(options) => cdevents::run(&options).await,
        What::Rest(options) => rest::run(&options).await,
        What::Dump(options) => dump::run(&options).await,
        What::Start(options) => start::run(&options).await,
    }
}
