//! `bench -- ingest`: measures from event bytes to COMMIT.

use std::time::{Duration, Instant};

use clap::Args;
use weir_ingest::Handler;
use weir_model::{KafkaBatch, Topics, TopicsConfig, models, value};
use weir_store::{DatabaseConfig, Store, Writer};

use crate::{
    batches::{Start, event, readings},
    ceiling::{self, Ceiling, rows},
    server::Bench,
    stats::Times,
};

/// The number of rounds, and the settings of the server.
#[derive(Args)]
pub(crate) struct Options {
    /// Number of rounds with the largest batch; smaller batches get more rounds
    #[arg(long, default_value_t = 25)]
    rounds: u32,

    /// Setting of the temporary PostgreSQL server; can be given several times
    #[arg(long, value_name = "NAME=VALUE")]
    setting: Vec<String>,

    /// SQL to run before the measurement, such as `DROP INDEX …`; can be given several times
    #[arg(long, value_name = "SQL")]
    before: Vec<String>,

    /// File for a copy of the server's log
    #[arg(long, value_name = "FILE")]
    server_log: Option<std::path::PathBuf>,
}

const LIMIT: Duration = Duration::from_mins(1);

/// The number of the next reading. No two batches share a reading.
struct Next(i64);

impl Next {
    /// The ceiling's batches alternate with ours, so that both write into tables of the same size.
    fn start(&mut self, partition: i32, offset: &mut i64, count: i64) -> Start {
        let start = Start { partition, offset: *offset, reading: self.0 };
        self.0 += count;
        *offset += count;
        start
    }
}

pub(crate) async fn run(options: &Options) -> anyhow::Result<()> {
    let bench = Bench::start(&options.setting).await?;
    for sql in &options.before {
        bench.connect().await?.batch_execute(sql).await?;
    }
    let (models, config) = (models::builtin(), TopicsConfig::default());
    let writer = Writer::new(
        Store::new(&DatabaseConfig::from_url(&bench.url))?,
        models.clone(),
        Topics::new(&config, &models)?,
        "bench",
    );
    let handler = Handler::new(writer);
    let ceiling = Ceiling::new(&bench.url, [ceiling::LOG, ceiling::READINGS]).await?;
    let mut next = Next(0);
    let (mut offset, mut ceiling_offset) = (0, 0);
    let mut ratios = Vec::new();
    println!("{:<28} {:>12} {:>12} {:>8}", "way", "median ms", "records/s", "ratio");
    for (count, rounds) in
        [(100_i64, options.rounds * 20), (1_000, options.rounds * 6), (10_000, options.rounds)]
    {
        let (mut copy, mut first, mut again) =
            (Times::default(), Times::default(), Times::default());
        for round in 0..=rounds {
            let start = next.start(0, &mut ceiling_offset, count);
            let ready = rows(start, &readings(start, count));
            let begun = Instant::now();
            ceiling.write(&ready).await?;
            let copied = begun.elapsed();

            let start = next.start(0, &mut offset, count);
            let bytes = event(start, &readings(start, count));
            let begun = Instant::now();
            handler.handle(&bytes, LIMIT).await?;
            let stored = begun.elapsed();

            let begun = Instant::now();
            handler.handle(&bytes, LIMIT).await?;
            // The first round warms up.
            if round > 0 {
                again.add(begun.elapsed());
                copy.add(copied);
                first.add(stored);
            }
        }
        line(&format!("ceiling {count}"), &copy, count, 1.0);
        let ratio = copy.median() / first.median();
        line(&format!("first delivery {count}"), &first, count, ratio);
        ratios.push((format!("first_{count}"), ratio));
        let ratio = first.median() / again.median();
        line(&format!("redelivery {count}"), &again, count, ratio);
        if count == 10_000 {
            ratios.push(("redelivery_10000".into(), ratio));
            let decode = decode(&mut next, options.rounds)?;
            let ratio = decode.median() / first.median();
            line("decode 10000", &decode, count, ratio);
            ratios.push(("decode_share_10000".into(), ratio));
        }
    }
    ratios.push(("passes".into(), passes(&handler, &mut next, &mut offset, options.rounds).await?));
    bench.stop(options.server_log.as_deref()).await?;
    println!();
    for (name, value) in ratios {
        println!("ratio {name} {value:.3}");
    }
    Ok(())
}

/// Measures parsing and decoding only.
fn decode(next: &mut Next, rounds: u32) -> anyhow::Result<Times> {
    let models = models::builtin();
    let topics = Topics::new(&TopicsConfig::default(), &models)?;
    let start = next.start(0, &mut 0, 10_000);
    let bytes = event(start, &readings(start, 10_000));
    let mut times = Times::default();
    for _ in 0..rounds {
        let begun = Instant::now();
        let batch = KafkaBatch::parse(&bytes)?;
        let records: Vec<_> = batch.records().collect();
        let opened: Vec<_> = records.iter().map(|r| value::open(r, None)).collect();
        let model = models.get("readings").ok_or_else(|| anyhow::anyhow!("no readings"))?;
        let mut rows = model.rows(&topics);
        for (record, opened) in records.iter().zip(&opened) {
            if let value::Opened::Json { text, .. } = opened {
                std::hint::black_box(rows.decode(record, text));
                std::hint::black_box(weir_model::json_text::refused_by_jsonb(text));
            }
        }
        times.add(begun.elapsed());
    }
    Ok(times)
}

/// Returns the time of two invocations one after the other, divided by the time of both at once on
/// different partitions.
async fn passes(
    handler: &Handler,
    next: &mut Next,
    offset: &mut i64,
    rounds: u32,
) -> anyhow::Result<f64> {
    const COUNT: i64 = 10_000;
    let (mut one, mut two) = (Times::default(), Times::default());
    let mut other = [0, 0];
    for _ in 0..rounds {
        let start = next.start(0, offset, COUNT);
        let bytes = event(start, &readings(start, COUNT));
        let begun = Instant::now();
        handler.handle(&bytes, LIMIT).await?;
        one.add(begun.elapsed());

        let starts = [next.start(1, &mut other[0], COUNT), next.start(2, &mut other[1], COUNT)];
        let [a, b] = starts.map(|start| event(start, &readings(start, COUNT)));
        let (first, second) = (handler.clone(), handler.clone());
        let begun = Instant::now();
        let both = (
            tokio::spawn(async move { first.handle(&a, LIMIT).await }),
            tokio::spawn(async move { second.handle(&b, LIMIT).await }),
        );
        both.0.await??;
        both.1.await??;
        two.add(begun.elapsed());
    }
    let ratio = 2.0 * one.median() / two.median();
    line("two at once (both)", &two, 2 * COUNT, ratio);
    Ok(ratio)
}

#[expect(clippy::cast_precision_loss, reason = "counts are small")]
fn line(name: &str, times: &Times, count: i64, ratio: f64) {
    let median = times.median();
    println!("{name:<28} {:>12.2} {:>12.0} {ratio:>8.3}", median * 1000.0, count as f64 / median);
}
