//! Measures a function's cold start: from the start of its process to its first request for an
//! event (init), and to its first answer.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::Context;
use clap::Args;
use weir_testkit::{RuntimeApi, sample_event};

use crate::{server::Bench, stats::Times};

/// After this time a function counts as hanging.
const LIMIT: Duration = Duration::from_mins(1);

/// Name in the template, name of the event, and settings in addition to the database.
pub(crate) type Function = (&'static str, &'static str, Vec<(&'static str, String)>);

#[derive(Args)]
pub(crate) struct Options {
    /// Folder with the functions that `bash tests/external/sam/run` built
    #[arg(long, value_name = "FOLDER", default_value = "target/sam/build")]
    functions: PathBuf,
    /// Number of starts of each function
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
}

pub(crate) async fn run(options: &Options) -> anyhow::Result<()> {
    let bench = Bench::start(&[]).await?;
    let functions = functions(bench.folder());
    let mut all: Vec<(Times, Times)> = functions.iter().map(|_| Default::default()).collect();
    for round in 0..=options.rounds {
        for (function, (init, answer)) in functions.iter().zip(&mut all) {
            let (ready, answered) =
                start(&program(&options.functions, function.0), &bench.url, function)
                    .await
                    .with_context(|| function.0)?;
            // The first round reads the files from the disk.
            if round > 0 {
                init.add(ready);
                answer.add(answered);
            }
        }
    }
    bench.stop(None).await?;
    println!("{:<20} {:>10} {:>16} {:>10}", "function", "init ms", "first answer ms", "MB");
    for ((name, ..), (init, answer)) in functions.iter().zip(&all) {
        let bytes = std::fs::metadata(program(&options.functions, name))?.len();
        let megabytes = format!("{}.{}", bytes / 1_000_000, bytes / 100_000 % 10);
        println!(
            "{name:<20} {:>10.1} {:>16.1} {megabytes:>10}",
            init.median() * 1000.0,
            answer.median() * 1000.0
        );
    }
    println!();
    for ((name, ..), (init, answer)) in functions.iter().zip(&all) {
        let name = name.trim_end_matches("Function").to_lowercase();
        println!("ratio start_{name}_init_ms {:.1}", init.median() * 1000.0);
        println!("ratio start_{name}_answer_ms {:.1}", answer.median() * 1000.0);
    }
    Ok(())
}

/// Returns the functions. The function dump gets a folder for its dumps.
pub(crate) fn functions(folder: &Path) -> [Function; 5] {
    let dumps = format!("file://{}", folder.join("dumps").display());
    [
        ("IngestFunction", "msk", vec![]),
        ("ApiFunction", "api-get", vec![("AUTH", "iam".to_owned())]),
        ("DumpFunction", "dump", vec![("BLOB_URL", dumps)]),
        // No broker is running. An unknown path is answered without one.
        (
            "CollectFunction",
            "api-not-found",
            vec![("KAFKA_URL", "127.0.0.1:9".to_owned()), ("AUTH", "iam".to_owned())],
        ),
        // The schema already exists.
        ("MigrateFunction", "dump", vec![]),
    ]
}

fn program(functions: &Path, name: &str) -> PathBuf {
    functions.join(name).join("bootstrap")
}

/// Measures one cold start: the time to the first request for an event, and to its answer.
pub(crate) async fn start(
    program: &Path,
    database: &str,
    (_, event, settings): &Function,
) -> anyhow::Result<(Duration, Duration)> {
    let program = program.to_str().context("a path that is not UTF-8")?;
    let event = sample_event(event)?;
    let runtime = RuntimeApi::start().await?;
    let mut command = runtime.command(program);
    command
        .env("DATABASE_URL", database)
        .env("RUST_LOG", "info")
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.envs(settings.iter().map(|(name, value)| (name, value)));
    let begun = Instant::now();
    let mut child = command.spawn().with_context(|| {
        format!("{program} does not start: bash tests/external/sam/run builds it")
    })?;
    let ready = async {
        runtime.wait_taken(1).await;
        begun.elapsed()
    };
    let (ready, answer) =
        tokio::join!(tokio::time::timeout(LIMIT, ready), runtime.invoke(event, LIMIT));
    answer?;
    let answered = begun.elapsed();
    child.kill().await?;
    Ok((ready?, answered))
}
