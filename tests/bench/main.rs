//! All measurements in one binary. Each measurement starts a temporary PostgreSQL with fsync on,
//! alternates between its candidates, and takes medians. It prints a table for people and then
//! lines `ratio NAME VALUE` for scripts.
//!
//! `cargo run --release --bin bench -- ingest`

mod batches;
mod cdevents;
mod ceiling;
mod collect;
mod compare;
mod dump;
mod ingest;
mod load;
mod program;
mod rest;
mod server;
mod start;
mod stats;

use std::{fmt, process::ExitCode};

use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

/// The same allocator as in `weir`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Weir's measurements: ratios against a ceiling of the same run, or against another build.
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
    /// CDEvents: event bytes to COMMIT, against COPY into the log and `cdevents`, and what
    /// dashboards ask
    Cdevents(cdevents::Options),
    /// The REST API, against pgbench and psql COPY
    Rest(rest::Options),
    /// A day of readings into files, against psql COPY
    Dump(dump::Options),
    /// Cold starts of the functions that `sam build` made
    Start(start::Options),
    /// This build against another one, in turns on this machine: speed of this divided by speed of
    /// BASE
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
