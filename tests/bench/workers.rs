//! `bench -- workers`: the gain of two workers of one `weir` over one, and of two batches at once,
//! on different partitions, over one.
//!
//! The ceiling is the gain of two bare COPYs of the rows of these batches into the same tables, in
//! the same run.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use bytes::Bytes;
use clap::Args;
use futures_util::TryStreamExt;
use tokio_postgres::Client;
use weir_ingest::Handler;
use weir_model::{Topics, TopicsConfig, models};
use weir_store::{DatabaseConfig, Store, Writer};

use crate::{
    batches::{Start, event, readings},
    ceiling::{self, Ceiling},
    kafka::ApacheKafka,
    latency,
    program::cpu_seconds,
    server::{Bench, connect},
    stats::{Ratio, Times},
};

/// The number of rounds, and the settings of the server.
#[derive(Args)]
pub(crate) struct Options {
    /// Number of rounds; each one measures everything once
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,

    /// Number of readings that the workers read from Apache Kafka in a round
    #[arg(long, default_value_t = 200_000)]
    readings: usize,

    /// The program `weir`. The default is the one in the folder of this binary
    #[arg(long, value_name = "PATH")]
    weir: Option<PathBuf>,

    /// Setting of the temporary PostgreSQL server; can be given several times
    #[arg(long, value_name = "NAME=VALUE")]
    setting: Vec<String>,
}

const LIMIT: Duration = Duration::from_mins(1);
/// Autovacuum would slow some measurements at random.
const SETTINGS: [&str; 2] = [latency::SETTING, "autovacuum=off"];
/// The records of a batch.
const RECORDS: i64 = 10_000;
/// One and two of each: batches, COPYs and workers.
const WAYS: [&str; 6] =
    ["one batch", "two batches", "one COPY", "two COPYs", "one worker", "two workers"];
/// The names of the topics and databases of one and of two workers.
const LANES: [(&str, &str); 2] = [("one", "1"), ("two", "2")];

/// What was measured. The CPU of workers is not.
#[derive(Default)]
struct Way {
    times: Times,
    /// The seconds of CPU of this process and of the server, in all rounds.
    client: f64,
    server: f64,
}

pub(crate) async fn run(options: &Options) -> anyhow::Result<()> {
    let settings = [&SETTINGS.map(str::to_owned), options.setting.as_slice()].concat();
    let bench = Bench::start(&settings).await?;
    let broker = ApacheKafka::start(bench.folder().join("kafka")).await?;
    let program = options
        .weir
        .clone()
        .map_or_else(|| Ok(std::env::current_exe()?.with_file_name("weir")), anyhow::Ok)?;
    let (mut weirs, mut clients) = (Vec::new(), Vec::new());
    for (name, lanes) in LANES {
        let (url, data) = (bench.database(name).await?, bench.folder().join(name));
        weirs.push(broker.weir(&program, &data, &url, name, &["--lanes", lanes]).await?);
        clients.push(connect(&url).await?);
    }
    let (models, config) = (models::builtin(), TopicsConfig::default());
    let writer = Writer::new(
        Store::new(&DatabaseConfig::from_url(&bench.url))?,
        models.clone(),
        Topics::new(&config, &models)?,
        "bench",
    );
    let handler = Handler::new(writer);
    let sql = bench.connect().await?;
    let copies = [ceiling::PACKED, ceiling::READINGS];
    let ceilings =
        [Ceiling::new(&bench.url, copies).await?, Ceiling::new(&bench.url, copies).await?];
    let mut ways: [Way; 6] = Default::default();
    let mut shares = [Vec::new(), Vec::new()];
    let (mut reading, mut offset, mut sent) = (0, 0, 0);
    for round in 0..=options.rounds {
        eprintln!("round {round} of {}", options.rounds);
        // The first partition has the single batch, and the others the two batches.
        let mut events = Vec::new();
        for partition in 0..3 {
            let start = Start { partition, offset, reading };
            events.push(event(start, &readings(start, RECORDS)));
            reading += RECORDS;
        }
        let [one, left, right] = <[Vec<u8>; 3]>::try_from(events).unwrap_or_default();
        let mut seconds = [0.0; WAYS.len()];
        let mut measure = async |way: usize, work: Work<'_>| -> anyhow::Result<()> {
            let before = cpu(&sql).await?;
            let begun = Instant::now();
            work.run().await?;
            let time = begun.elapsed();
            seconds[way] = time.as_secs_f64();
            // The first round warms up.
            if round > 0 {
                let after = cpu(&sql).await?;
                ways[way].times.add(time);
                ways[way].client += after[0] - before[0];
                ways[way].server += after[1] - before[1];
            }
            Ok(())
        };
        let single = Work::Batches(&handler, vec![one]);
        let both = Work::Batches(&handler, vec![left, right]);
        // The order changes with every round.
        for (way, work) in in_turn(round, [(0, single), (1, both)]) {
            measure(way, work).await?;
        }
        let mut rows = Vec::new();
        for partition in 0..3 {
            rows.push([
                stored(&sql, &packed_rows(partition, offset)).await?,
                stored(&sql, &reading_rows(partition, offset)).await?,
            ]);
        }
        let copies = Work::Copies(&ceilings[..1], &rows[..1]);
        let two_copies = Work::Copies(&ceilings, &rows[1..]);
        for (way, work) in in_turn(round, [(2, copies), (3, two_copies)]) {
            measure(way, work).await?;
        }
        for (way, lanes) in in_turn(round, [(4, 0), (5, 1)]) {
            let time =
                broker.drain(LANES[lanes].0, &clients[lanes], sent, options.readings).await?;
            seconds[way] = time;
            if round > 0 {
                ways[way].times.add(Duration::from_secs_f64(time));
            }
        }
        if round > 0 {
            let [one, two, copy, two_copies, worker, two_workers] = seconds;
            let ceiling = 2.0 * copy / two_copies;
            shares[0].push(2.0 * one / two / ceiling);
            shares[1].push(worker / two_workers / ceiling);
        }
        offset += RECORDS;
        sent += options.readings;
    }
    drop((weirs, clients));
    bench.stop(None).await?;
    print(&ways, options.rounds, &shares);
    Ok(())
}

/// Returns both in an order that changes with the round.
fn in_turn<T>(round: u32, pair: [T; 2]) -> impl Iterator<Item = T> {
    let [a, b] = pair;
    let (first, second) = if round.is_multiple_of(2) { (a, b) } else { (b, a) };
    [first, second].into_iter()
}

/// Batches or COPYs that run at the same time.
enum Work<'w> {
    Batches(&'w Handler, Vec<Vec<u8>>),
    Copies(&'w [Ceiling], &'w [[Bytes; 2]]),
}

impl Work<'_> {
    async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Batches(handler, events) => {
                let mut running = tokio::task::JoinSet::new();
                for event in events {
                    let handler = handler.clone();
                    running.spawn(async move { handler.handle(&event, LIMIT).await });
                }
                while let Some(done) = running.join_next().await {
                    done??;
                }
            }
            Self::Copies(ceilings, rows) => {
                let copies = ceilings.iter().zip(rows).map(|(ceiling, rows)| ceiling.write(rows));
                futures_util::future::try_join_all(copies).await?;
            }
        }
        Ok(())
    }
}

/// The packed rows of a batch as they are stored, for the stream of the ceiling.
fn packed_rows(partition: i32, offset: i64) -> String {
    format!(
        "COPY (SELECT first_offset, last_offset, oldest, newest, {}, partition, type_id, records, key_is_entity, offsets, event_times, timestamps,
            checksums, reasons, keys, headers, entity_hashes, entity_ids, payloads, raws
        FROM packed_events WHERE stream = 1 AND partition = {partition} AND first_offset >= {offset}
        ORDER BY first_offset) TO STDOUT (FORMAT binary)",
        ceiling::STREAM
    )
}

/// The readings of a batch as they are stored, with other keys, and sorted by key, which is the
/// fastest order.
fn reading_rows(partition: i32, offset: i64) -> String {
    format!(
        "COPY (SELECT sensor, \"timestamp\" + interval '500 milliseconds', value, record_timestamp_ms, {}, partition, \"offset\"
        FROM readings WHERE stream = 1 AND partition = {partition} AND \"offset\" >= {offset}
        ORDER BY sensor, \"timestamp\") TO STDOUT (FORMAT binary)",
        ceiling::STREAM
    )
}

async fn stored(sql: &Client, copy: &str) -> anyhow::Result<Bytes> {
    let parts: Vec<Bytes> = sql.copy_out(copy).await?.try_collect().await?;
    Ok(parts.concat().into())
}

/// The processes of the server, without those of the workers' databases.
const PROCESSES: &str = "SELECT pid FROM pg_stat_activity WHERE coalesce(datname, current_database()) = current_database()";

/// Returns the seconds of CPU that this process and the server have used.
async fn cpu(sql: &Client) -> anyhow::Result<[f64; 2]> {
    let mut server = 0.0;
    for row in sql.query(PROCESSES, &[]).await? {
        server += cpu_seconds(&row.try_get::<_, i32>(0)?.to_string())?;
    }
    Ok([cpu_seconds("self")?, server])
}

fn print(ways: &[Way; 6], rounds: u32, shares: &[Vec<f64>; 2]) {
    println!(
        "{:<14} {:>10} {:>8} {:>16} {:>16} {:>8}",
        "way", "median ms", "gain", "CPU, client ms", "CPU, server ms", "cores"
    );
    let mut gains = [0.0; WAYS.len()];
    for (n, (name, way)) in WAYS.iter().zip(ways).enumerate() {
        // Two workers do the same work as one; two batches and two COPYs do twice as much.
        let works = if n == 1 || n == 3 { 2.0 } else { 1.0 };
        let time = way.times.median();
        gains[n] = works * ways[n / 2 * 2].times.median() / time;
        let each = |cpu: f64| cpu / f64::from(rounds) / works;
        let (client, server) = (each(way.client), each(way.server));
        print!("{name:<14} {:>10.2} {:>8.3}", time * 1000.0, gains[n]);
        if n < 4 {
            let cores = (client + server) * works / time;
            print!(" {:>16.2} {:>16.2} {cores:>8.2}", client * 1000.0, server * 1000.0);
        }
        println!();
    }
    println!();
    for (name, gain) in [("copies", gains[3]), ("batches", gains[1]), ("workers", gains[5])] {
        println!("ratio {name}_gain {gain:.3}");
    }
    for (name, shares) in ["batches", "workers"].iter().zip(shares) {
        let Ratio { value, low, high } = Ratio::of(shares);
        println!("ratio {name}_share {value:.3} low {low:.3} high {high:.3}");
    }
}
