//! `bench -- dump`: dumps a day of readings into files. The ceiling is `psql COPY … > /dev/null` of
//! the same rows in the same run.

use std::{path::PathBuf, process::Stdio, time::Instant};

use anyhow::{Context, ensure};
use clap::Args;
use tokio::process::Command;
use tokio_postgres::Client;
use weir_blob::{BlobConfig, BlobUrl, Format, UtcDay};
use weir_dump::{DumpConfig, Dumper, Which};
use weir_model::{Micros, models};
use weir_store::{DatabaseConfig, Store};

use crate::{program::memory_mb, rest::tool, server::Bench, stats::Times};

/// The amount of data and of rounds.
#[derive(Args)]
pub(crate) struct Options {
    /// Number of readings of the day
    #[arg(long, default_value_t = 1_000_000)]
    rows: i64,

    /// Number of readings of other days
    #[arg(long, default_value_t = 1_000_000)]
    others: i64,

    /// Number of rounds; each one measures every way once
    #[arg(long, default_value_t = 5)]
    rounds: usize,
}

/// The formats of one run, with the figure's name.
pub(crate) const WAYS: [(&str, &[Format]); 4] = [
    ("parquet", &[Format::Parquet]),
    ("json", &[Format::Json]),
    ("csv", &[Format::Csv]),
    ("json,parquet", &[Format::Json, Format::Parquet]),
];
pub(crate) const DAY: &str = "2026-01-01";
/// Six sensors, values with three digits, readings in the order of time. The other days are before
/// the dumped day.
const FILL: &str = "INSERT INTO readings
    SELECT (ARRAY['engine_temperature','fuel','location_latitude','location_longitude','revolution','speed'])[1 + n % 6],
        $3::timestamptz + n / 6 * ($4::float8 * interval '1 microsecond'), round((50 + 50 * sin(n / 1000.0))::numeric, 3)::float8,
        1767225600000 + n, 1, (n % 4)::int, n
    FROM generate_series($1::bigint, $2::bigint) AS n";
/// The months of the readings, which `weir` makes as time goes by. A base of `bench compare` may
/// be a build from before these months.
const MONTHS: &str = "DO $$ BEGIN
    IF to_regproc('make_series_month') IS NOT NULL THEN
        PERFORM make_series_month('readings', m)
        FROM generate_series('2025-11-01 UTC'::timestamptz, '2026-01-01 UTC', '1 month') AS m;
    END IF;
END $$";
/// The queries of psql: the same rows in the same order, as text; and the rows in the table's
/// order.
const ORDERED: &str = "COPY (SELECT * FROM readings WHERE \"timestamp\" >= '2026-01-01' AND \"timestamp\" < '2026-01-02' ORDER BY sensor, \"timestamp\") TO STDOUT";
const AS_IT_LIES: &str = "COPY (SELECT * FROM readings WHERE \"timestamp\" >= '2026-01-01' AND \"timestamp\" < '2026-01-02') TO STDOUT";

pub(crate) async fn run(options: &Options) -> anyhow::Result<()> {
    let bench = Bench::start(&[]).await?;
    let client = bench.connect().await?;
    fill(&client, options.rows, options.others).await?;
    let (mut ordered, mut lies) = (Times::default(), Times::default());
    let mut times: Vec<Times> = WAYS.iter().map(|_| Times::default()).collect();
    let mut bytes = vec![0; WAYS.len()];
    let before = memory_mb("self")?;
    for round in 0..=options.rounds {
        let (a, b) = (psql(&bench, ORDERED).await?, psql(&bench, AS_IT_LIES).await?);
        let mut round_times = Vec::new();
        for (n, (_, formats)) in WAYS.iter().enumerate() {
            let (time, rows, length) = dump(&bench, "readings", DAY, formats).await?;
            ensure!(i64::try_from(rows)? == options.rows, "{rows} rows are not {}", options.rows);
            round_times.push(time);
            bytes[n] = length;
        }
        // The first round warms up.
        if round > 0 {
            ordered.add(a);
            lies.add(b);
            for (times, time) in times.iter_mut().zip(round_times) {
                times.add(time);
            }
        }
    }
    let peak = memory_mb("self")?;
    println!("{:<34} {:>9} {:>8} {:>12}", "way", "seconds", "ratio", "bytes");
    println!("{:<34} {:>9.2} {:>8}", "psql COPY, in the dump's order", ordered.median(), "1.000");
    println!(
        "{:<34} {:>9.2} {:>8.3}",
        "psql COPY, as the rows lie",
        lies.median(),
        ordered.median() / lies.median()
    );
    for (((name, _), times), bytes) in WAYS.iter().zip(&times).zip(&bytes) {
        println!(
            "{name:<34} {:>9.2} {:>8.3} {bytes:>12}",
            times.median(),
            ordered.median() / times.median()
        );
    }
    println!("{:<34} {peak:>9.1} MB, {before:.1} MB before", "peak memory of this process");
    drop(client);
    bench.stop(None).await?;
    println!();
    for ((name, _), times) in WAYS.iter().zip(&times) {
        let name = name.replace(',', "_");
        println!("ratio dump_{name} {:.3}", ordered.median() / times.median());
        println!("ratio dump_{name}_unordered {:.3}", lies.median() / times.median());
    }
    println!("ratio dump_memory_mb {peak:.1}");
    Ok(())
}

/// Fills a migrated database with readings.
pub(crate) async fn fill(client: &Client, rows: i64, others: i64) -> anyhow::Result<()> {
    eprintln!("filling: {rows} readings of the day, {others} of others …");
    client.batch_execute("SET synchronous_commit = off; SET TimeZone = 'UTC'").await?;
    client.batch_execute(MONTHS).await?;
    for (rows, begin) in [(others, "2025-11-01"), (rows, DAY)] {
        // Evenly over the day. The others are spread over two months.
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let step = (if begin == DAY { 86_000_000_000.0 } else { 61.0 * 86_400_000_000.0 }
            / (rows.max(1) as f64)
            * 6.0)
            .floor();
        let begin = Micros::from_rfc3339(&format!("{begin}T00:00:00Z")).context("an instant")?;
        let mut filled = 0;
        while filled < rows {
            let next = (filled + 500_000).min(rows);
            client.execute(FILL, &[&filled, &(next - 1), &begin, &step]).await?;
            filled = next;
        }
    }
    // Separate calls, because VACUUM cannot be one of several statements.
    client.batch_execute("VACUUM ANALYZE").await?;
    client.batch_execute("CHECKPOINT").await?;
    Ok(())
}

/// Runs a whole dump of a day, with notes and manifest. Returns its time, rows and bytes.
pub(crate) async fn dump(
    bench: &Bench,
    model: &str,
    day: &str,
    formats: &[Format],
) -> anyhow::Result<(std::time::Duration, u64, u64)> {
    let folder = PathBuf::from(bench.folder()).join("dumps");
    let blob = BlobConfig { blob_url: Some(BlobUrl::File(folder)) };
    let config = DumpConfig { blob, models: vec![model.into()], formats: formats.to_vec() };
    let dumper = Dumper::new(
        Store::new(&DatabaseConfig::from_url(&bench.url))?,
        &models::builtin(),
        &config,
    )?;
    let day: UtcDay = day.parse().map_err(anyhow::Error::msg)?;
    let now = Micros::from_rfc3339(&format!("{}T06:00:00Z", day.after())).context("an instant")?;
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_hours(1);
    let begun = Instant::now();
    let outcome = dumper.run(Which::Day(day), day.after(), now, deadline, &|_| {}).await?;
    let time = begun.elapsed();
    if let Some((.., error)) = outcome.failed.into_iter().next() {
        return Err(error.into());
    }
    let done = outcome.done.first().context("a day")?;
    Ok((time, done.rows, done.bytes))
}

/// Runs `psql -c … > /dev/null`.
async fn psql(bench: &Bench, copy: &str) -> anyhow::Result<std::time::Duration> {
    let begun = Instant::now();
    let status = Command::new(tool("psql")?)
        .args([bench.url.as_str(), "-qc", copy])
        .stdout(Stdio::null())
        .status()
        .await?;
    ensure!(status.success(), "psql failed");
    Ok(begun.elapsed())
}
