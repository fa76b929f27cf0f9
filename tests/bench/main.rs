//! All measurements in one binary. Each measurement starts a temporary PostgreSQL with fsync on,
//! alternates between its candidates, and takes medians. It prints a table for people and then
//! lines `ratio NAME VALUE` for scripts.
//!
//! `cargo run --release --bin bench -- ingest`

mod archive;
mod batches;
mod cdevents;
mod ceiling;
mod collect;
mod compare;
mod dump;
mod ingest;
mod kafka;
mod latency;
mod load;
mod program;
mod rest;
mod scale;
mod server;
mod start;
mod stats;
mod workers;

use std::{fmt, process::ExitCode};

use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

/// The same allocator as in `weir`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measure the speed of Weir
///
/// The figures are ratios: of Weir and a ceiling that the same run measures, or of two builds.
#[derive(Parser)]
#[command(name = "bench")]
struct Settings {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Compare ingest with a COPY of prepared rows into the same tables
    Ingest(ingest::Options),
    /// Compare readings that go over HTTP to Kafka with a bare producer
    Collect(collect::Options),
    /// Compare ingest of CDEvents with a COPY, and measure the queries of dashboards
    Cdevents(cdevents::Options),
    /// Compare the REST API with pgbench and with COPY of psql
    Rest(rest::Options),
    /// Compare the dump of a day of readings with COPY of psql
    Dump(dump::Options),
    /// Measure a log of a year whose old months are archived
    Archive(archive::Options),
    /// Measure the time from a producer's send to the commit of the row
    Latency(latency::Options),
    /// Measure a batch, lists and dumps while the log grows to 50 million events
    Scale(scale::Options),
    /// Compare two batches at once with one, and with two bare COPYs of the same rows
    Workers(workers::Options),
    /// Measure cold starts of the functions that `sam build` built
    Start(start::Options),
    /// Compare this build with another one
    ///
    /// Both run in turns on this machine. A figure is the speed of this build divided by the speed
    /// of BASE.
    Compare(compare::Options),
}

/// An invalid argument. It is printed in one line, with exit status 2.
#[derive(Debug)]
struct Usage(String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

#[tokio::main]
async fn main() -> ExitCode {
    let settings = match Settings::try_parse() {
        Ok(settings) => settings,
        Err(error) if error.use_stderr() => {
            // Only the error, without the usage text that follows.
            let text = error.to_string();
            let what: Vec<&str> =
                text.split("\n\n").next().unwrap_or_default().split_whitespace().collect();
            eprintln!("{}", what.join(" "));
            return ExitCode::from(2);
        }
        Err(help) => help.exit(),
    };
    // Dropping the measurement stops everything that it has started.
    let ended = tokio::select! {
        ended = run(&settings.what) => ended,
        interrupted = interrupted() => interrupted,
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(if error.is::<Usage>() { 2 } else { 1 })
        }
    }
}

async fn run(what: &What) -> anyhow::Result<()> {
    match what {
        What::Ingest(options) => ingest::run(options).await,
        What::Collect(options) => collect::run(options).await,
        What::Cdevents(options) => cdevents::run(options).await,
        What::Rest(options) => rest::run(options).await,
        What::Dump(options) => dump::run(options).await,
        What::Archive(options) => archive::run(options).await,
        What::Latency(options) => latency::run(options).await,
        What::Scale(options) => scale::run(options).await,
        What::Workers(options) => workers::run(options).await,
        What::Start(options) => start::run(options).await,
        What::Compare(options) => compare::run(options).await,
    }
}

/// Returns an error on Ctrl-C or SIGTERM.
async fn interrupted() -> anyhow::Result<()> {
    let (mut interrupt, mut terminate) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
    anyhow::bail!("interrupted")
}
