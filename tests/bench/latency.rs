//! `bench -- latency`: the time from the producer's send to the commit of the row, at a steady
//! rate, on the embedded broker of `weir`.
//!
//! PostgreSQL notes the time of each commit (`track_commit_timestamp`), so nothing has to ask for
//! the rows while they arrive. A commit is visible after its flush, about a millisecond later.

use std::{
    net::Ipv4Addr,
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, ensure};
use clap::Args;
use rdkafka::{
    ClientConfig,
    error::KafkaError,
    producer::{BaseProducer, BaseRecord, Producer},
    types::RDKafkaErrorCode,
};
use tokio_postgres::Client;

use crate::{program::Weir, server::Bench, stats::median};

/// The setting of the server that this measurement needs.
pub(crate) const SETTING: &str = "track_commit_timestamp=on";
/// The numbers of partitions, each with the names of its figures.
pub(crate) const WAYS: [(i32, [&str; 2]); 2] = [
    (1, ["latency_1_median_ms", "latency_1_p99_ms"]),
    (16, ["latency_16_median_ms", "latency_16_p99_ms"]),
];
/// The figure of a drain: the time from the first send to the last commit, without a rate.
pub(crate) const DRAIN: &str = "latency_drain";
/// The readings of a drain. The embedded broker holds all of them.
const DRAINED: u32 = 200_000;
/// The time for the last rows to arrive.
const ARRIVE: Duration = Duration::from_secs(10);
const TOPIC: &str = "readings";

/// The rate and the duration.
#[derive(Args)]
pub(crate) struct Options {
    /// Number of readings a second
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    rate: u32,

    /// Duration of each measurement, in seconds
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,

    /// Number of rounds; each one measures every number of partitions once
    #[arg(long, default_value_t = 3)]
    rounds: usize,

    /// The program `weir`. The default is the one in the folder of this binary
    #[arg(long, value_name = "PATH")]
    weir: Option<PathBuf>,
}

pub(crate) async fn run(options: &Options) -> anyhow::Result<()> {
    let bench = Bench::start(&[SETTING.to_owned()]).await?;
    let program = options
        .weir
        .clone()
        .map_or_else(|| Ok(std::env::current_exe()?.with_file_name("weir")), anyhow::Ok)?;
    let sql = bench.connect().await?;
    let mut load = Load::start(&program, &bench.folder().join("weir"), &bench.url).await?;
    // The first readings wait until the poller has its partitions.
    load.measure(&sql, 16, 100, 2).await?;
    let mut drains = Vec::new();
    let mut times = vec![(Vec::new(), Vec::new()); WAYS.len()];
    for round in 0..options.rounds {
        eprintln!("round {} of {}", round + 1, options.rounds);
        for ((partitions, _), (medians, p99s)) in WAYS.iter().zip(&mut times) {
            let [median, p99] =
                load.measure(&sql, *partitions, options.rate, options.seconds).await?;
            medians.push(median * 1000.0);
            p99s.push(p99 * 1000.0);
        }
        drains.push(load.drain(&sql).await?);
    }
    load.weir.stop().await?;
    drop(sql);
    bench.stop(None).await?;
    for ((_, [of_median, of_p99]), (medians, p99s)) in WAYS.iter().zip(&times) {
        println!("{of_median:<24} {:>9.1} ms", median(medians));
        println!("{of_p99:<24} {:>9.1} ms", median(p99s));
    }
    println!("{:<24} {:>9.0} readings a second", "drain", f64::from(DRAINED) / median(&drains));
    Ok(())
}

/// A serving `weir`, and a producer of readings for its broker.
pub(crate) struct Load {
    pub weir: Weir,
    producer: Arc<BaseProducer>,
    /// The number of the next reading.
    next: u32,
}

impl Load {
    pub(crate) async fn start(
        program: &std::path::Path,
        data: &std::path::Path,
        database: &str,
    ) -> anyhow::Result<Self> {
        let port = weir_testkit::free_port()?;
        let weir =
            Weir::start_with(program, data, database, &["--kafka-port", &port.to_string()]).await?;
        let producer = ClientConfig::new()
            .set("bootstrap.servers", format!("{}:{port}", Ipv4Addr::LOCALHOST))
            .set("linger.ms", "0")
            .create::<BaseProducer>()?;
        Ok(Self { weir, producer: Arc::new(producer), next: 0 })
    }

    /// Sends readings as fast as possible. Returns the seconds from the first send to the last
    /// commit.
    pub(crate) async fn drain(&mut self, sql: &Client) -> anyhow::Result<f64> {
        let (first, sent) = self.send(16, DRAINED, None).await?;
        let times = self.committed(sql, first, sent.len()).await?;
        let last = times.iter().copied().fold(f64::MIN, f64::max);
        Ok(last - sent[0])
    }

    /// Sends readings at a steady rate over these partitions. Returns the median and the 99th
    /// percentile of the seconds from the send to the commit.
    pub(crate) async fn measure(
        &mut self,
        sql: &Client,
        partitions: i32,
        rate: u32,
        seconds: u32,
    ) -> anyhow::Result<[f64; 2]> {
        let (first, sent) = self.send(partitions, rate * seconds, Some(rate)).await?;
        let committed = self.committed(sql, first, sent.len()).await?;
        let mut times: Vec<f64> = committed.iter().zip(sent).map(|(at, sent)| at - sent).collect();
        times.sort_by(f64::total_cmp);
        let p99 = times[times.len() * 99 / 100];
        Ok([median(&times), p99])
    }

    /// Sends readings, with a rate a second or as fast as possible. Returns the number of the first
    /// one, and the seconds since 1970 at which each was sent.
    async fn send(
        &mut self,
        partitions: i32,
        count: u32,
        rate: Option<u32>,
    ) -> anyhow::Result<(u32, Vec<f64>)> {
        let first = self.next;
        self.next += count;
        let producer = Arc::clone(&self.producer);
        let sent = tokio::task::spawn_blocking(move || {
            let begun = std::time::Instant::now();
            let mut sent = Vec::with_capacity(count as usize);
            for n in 0..count {
                if let Some(rate) = rate {
                    let due = Duration::from_secs(1) * n / rate;
                    std::thread::sleep(due.saturating_sub(begun.elapsed()));
                }
                sent.push(now()?);
                send(&producer, first + n, i32::try_from(n)? % partitions)?;
                producer.poll(Duration::ZERO);
            }
            producer.flush(Duration::from_secs(10))?;
            anyhow::Ok(sent)
        })
        .await??;
        Ok((first, sent))
    }

    /// Waits for the rows of these readings. Returns the seconds since 1970 of their commits.
    async fn committed(&self, sql: &Client, first: u32, count: usize) -> anyhow::Result<Vec<f64>> {
        // The value of a reading is its number.
        let rows =
            "SELECT value, extract(epoch FROM pg_xact_commit_timestamp(xmin))::float8 FROM readings
            WHERE value >= $1 ORDER BY value";
        let begun = std::time::Instant::now();
        let rows = loop {
            let rows = sql.query(rows, &[&f64::from(first)]).await?;
            if rows.len() == count {
                break rows;
            }
            ensure!(begun.elapsed() < ARRIVE, "{} of {count} readings arrived", rows.len());
            tokio::time::sleep(Duration::from_millis(200)).await;
        };
        rows.iter().map(|row| Ok(row.try_get(1)?)).collect()
    }
}

fn send(producer: &BaseProducer, number: u32, partition: i32) -> anyhow::Result<()> {
    let at = weir_model::Micros(1_700_000_000_000_000 + i64::from(number) * 1_000_000);
    let value = format!(
        r#"{{"sensor":"sensor_{}","value":{number},"timestamp":"{}"}}"#,
        number % 10,
        at.rfc3339_millis()
    );
    let mut record = BaseRecord::<(), str>::to(TOPIC).partition(partition).payload(&value);
    loop {
        match producer.send(record) {
            Ok(()) => return Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), again)) => {
                record = again;
                producer.poll(Duration::from_millis(10));
            }
            Err((error, _)) => return Err(error).context("producing"),
        }
    }
}

/// Returns the seconds since 1970.
#[expect(clippy::disallowed_methods, reason = "times are compared with the database's clock")]
pub(crate) fn now() -> anyhow::Result<f64> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64())
}
