//! `bench -- compare BASE WHAT`: measures two builds alternately on one machine, through their
//! public interfaces. BASE may be any commit whose programs have these interfaces. The README.md of
//! `bench` explains the output.

mod pairs;
mod programs;
mod ways;

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use self::{
    pairs::Pairs,
    programs::{Base, Build},
    ways::{Cdevents, Collect, Dump, Ingest, Kafka, Latency, Rest, Start},
};
use crate::{latency, server::Bench};

/// The builds and the measurement.
#[derive(Args)]
pub(crate) struct Options {
    /// Build to compare with
    ///
    /// Either a commit of this repository, which is built below the target folder; or a folder of
    /// release binaries, or one `weir`; or rival:NAME, which tests/bench/rivals/NAME/run measures.
    base: String,

    /// Measurement; the figures are the same as in `bench -- WHAT`
    #[arg(value_enum)]
    what: What,

    /// Release binaries to measure; without it, this checkout is built
    #[arg(long, value_name = "PATH")]
    this: Option<PathBuf>,

    /// Number of pairs of runs
    ///
    /// Without it, 20, or 5 if one run takes more than a minute.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pairs: Option<u32>,

    /// Number of events or readings
    ///
    /// Without it, 1,000,000 events for rest, 400,000 events for cdevents, 1,000,000 readings of a
    /// day for dump, 1,000,000 readings of a pair for kafka, and 200,000 readings of a body for
    /// collect.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1000..))]
    rows: Option<u32>,

    /// Duration of each HTTP load of rest, in seconds
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,

    /// For rest: pack the events of a build that can do so
    #[arg(long)]
    packed: bool,

    /// Setting of the temporary PostgreSQL server; can be given several times
    #[arg(long, value_name = "NAME=VALUE")]
    setting: Vec<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum What {
    Ingest,
    Collect,
    Cdevents,
    Rest,
    Dump,
    Latency,
    Kafka,
    Start,
}

/// Creates WAL segments that the checkpoints of the pairs can recycle. A new segment would slow the
/// side that happens to need it.
const FILL_WAL: &str = "SELECT count(pg_logical_emit_message(false, 'bench', repeat('x', 16000000))) FROM generate_series(1, 64)";

pub(crate) async fn run(options: &Options) -> anyhow::Result<()> {
    let programs: &[&str] =
        if matches!(options.what, What::Start) { &Start::PROGRAMS } else { &["weir"] };
    // Errors of BASE are reported before a build.
    let base = Base::find(&options.base, programs).await?;
    let this = match &options.this {
        Some(path) => Build::at(path, programs)?,
        None => Build::checkout(programs).await?,
    };
    let (base, rival) = match base {
        Base::Build(build) => (build, None),
        Base::Commit(commit) => (Build::commit(&commit, programs).await?, None),
        // The rival's database has the schema and the rows of the side under test.
        Base::Rival(rival) => (this.clone(), Some(rival)),
    };
    eprintln!("starting PostgreSQL and both sides");
    // Autovacuum of one side could run while the other side is measured. Both sides are vacuumed
    // after the warm-up pair.
    let bench = Bench::empty(
        &[&["autovacuum=off".to_owned(), latency::SETTING.to_owned()], options.setting.as_slice()]
            .concat(),
    )
    .await?;
    bench.connect().await?.execute(FILL_WAL, &[]).await?;
    let mut sides = Vec::new();
    for (name, build) in [("base", base), ("this", this)] {
        sides.push(Side {
            build,
            url: bench.database(name).await?,
            folder: bench.folder().join(name),
        });
    }
    let rows = |default: u32| options.rows.unwrap_or(default);
    let pairs = Pairs { count: options.pairs, rival, sides: &sides };
    match options.what {
        What::Ingest => pairs.run(Ingest::new(&sides).await?).await?,
        What::Collect => pairs.run(Collect::new(&sides, rows(200_000)).await?).await?,
        What::Cdevents => pairs.run(Cdevents::new(&sides, rows(400_000)).await?).await?,
        What::Rest => {
            let rest = Rest::new(&sides, rows(1_000_000), options.packed, options.seconds).await?;
            pairs.run(rest).await?;
        }
        What::Dump => pairs.run(Dump::new(&sides, rows(1_000_000)).await?).await?,
        What::Latency => pairs.run(Latency::new(&sides).await?).await?,
        What::Kafka => {
            pairs.run(Kafka::new(&sides, bench.folder(), rows(1_000_000)).await?).await?;
        }
        What::Start => pairs.run(Start::new(&sides).await?).await?,
    }
    bench.stop(None).await
}

/// One of the two builds, with its database.
struct Side {
    build: Build,
    url: String,
    /// The folder for its files.
    folder: PathBuf,
}
