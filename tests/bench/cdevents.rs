//! `bench -- cdevents`: measures CDEvents from event bytes to COMMIT, and the queries of
//! dashboards.

use std::{
    fmt::Write,
    time::{Duration, Instant},
};

use anyhow::Context;
use bytes::Bytes;
use clap::Args;
use tokio_postgres::Client;
use weir_ingest::Handler;
use weir_model::{
    Chosen, KafkaBatch, Micros, Outcome, Position, Topics, TopicsConfig, copy_rows::CopyRows,
    models, value,
};
use weir_store::{DatabaseConfig, Store, Writer};

use crate::{
    ceiling::{self, Ceiling, LogRow, log_row},
    server::Bench,
    stats::Times,
};

/// The amount of data and of rounds.
#[derive(Args)]
pub(crate) struct Options {
    /// Number of rounds with a batch of 10,000 events
    #[arg(long, default_value_t = 15)]
    rounds: u32,

    /// Number of events in the tables for the queries; 0 means no queries
    #[arg(long, default_value_t = 5_000_000)]
    events: u64,

    /// Number of subjects of these events
    #[arg(long, default_value_t = 200_000)]
    subjects: u64,

    /// Setting of the temporary PostgreSQL server; can be given several times
    #[arg(long, value_name = "NAME=VALUE")]
    setting: Vec<String>,
}

const LIMIT: Duration = Duration::from_mins(2);
pub(crate) const BATCH: u64 = 10_000;
const ENVIRONMENTS: u64 = 4;

pub(crate) async fn run(options: &Options) -> anyhow::Result<()> {
    let bench = Bench::start(&options.setting).await?;
    let (models, config) = (models::builtin(), TopicsConfig::default());
    let writer = Writer::new(
        Store::new(&DatabaseConfig::from_url(&bench.url))?,
        models.clone(),
        Topics::new(&config, &models)?,
        "bench",
    );
    let handler = Handler::new(writer);
    let client = bench.connect().await?;
    // The year ends with the last event, also if the caller wants few events.
    let events = options.events.max(u64::from(options.rounds + 1) * 2 * BATCH);
    let world = BenchWorld::new(&client, options.subjects, events).await?;
    let (mut next, mut offset) = (0, 0);
    let (mut copy, mut first, mut again) = (Times::default(), Times::default(), Times::default());
    for round in 0..=options.rounds {
        let (copy_cdevents, ready) = ceiling_rows(&world.batch(next, BATCH, 0, 0))?;
        let ceiling = Ceiling::new(&bench.url, [ceiling::LOG, copy_cdevents]).await?;
        next += BATCH;
        let begun = Instant::now();
        ceiling.write(&ready).await?;
        let copied = begun.elapsed();

        let bytes = world.batch(next, BATCH, 0, offset);
        (next, offset) = (next + BATCH, offset + BATCH);
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
    println!("{:<28} {:>12}", "way", "median ms");
    for (name, times) in
        [("ceiling 10000", &copy), ("first delivery 10000", &first), ("redelivery 10000", &again)]
    {
        println!("{name:<28} {:>12.2}", times.median() * 1000.0);
    }
    let mut ratios = vec![("cdevents_first_10000".to_owned(), copy.median() / first.median())];
    if options.events > 0 {
        let begun = Instant::now();
        offset = 0;
        while next < options.events {
            // Two workers of `weir` do the same with one partition each: while one decodes,
            // PostgreSQL writes the batch of the other.
            let lanes =
                (world.batch(next, BATCH, 1, offset), world.batch(next + BATCH, BATCH, 2, offset));
            (next, offset) = (next + 2 * BATCH, offset + BATCH);
            tokio::try_join!(handler.handle(&lanes.0, LIMIT), handler.handle(&lanes.1, LIMIT))?;
            eprint!("\r{next} events");
        }
        eprintln!();
        println!("filled with {next} events in {:.0} s", begun.elapsed().as_secs_f64());
        ratios.extend(questions(&client, &world).await?);
    }
    bench.stop(None).await?;
    println!();
    for (name, value) in ratios {
        println!("ratio {name} {value:.3}");
    }
    Ok(())
}

/// The name of a figure, and the SQL of its query with this number.
type Question = (&'static str, fn(u64, &BenchWorld) -> String);

/// The queries of dashboards.
pub(crate) const QUESTIONS: [Question; 3] = [
    ("cdevents_deployed_at_ms", |_, _| "SELECT count(*) FROM api.deployed_at(now())".to_owned()),
    // An incident has the longest path: to its service, to every artifact of the service, and to
    // the environments.
    ("cdevents_descendants_ms", |n, world| {
        format!("SELECT count(*) FROM api.graph_descendants('{}', 10)", world.incident(n))
    }),
    // All columns, because PostgreSQL does not compute a column that is not selected.
    ("cdevents_dora_90_days_ms", |_, _| {
        "SELECT * FROM api.dora(now() - interval '90 days', now())".to_owned()
    }),
];

/// Returns the time of a query, and the first number of its answer.
pub(crate) async fn ask(client: &Client, sql: &str) -> anyhow::Result<(Duration, i64)> {
    let begun = Instant::now();
    let row = client.query_one(sql, &[]).await?;
    Ok((begun.elapsed(), row.try_get(0)?))
}

/// Returns the medians in milliseconds.
async fn questions(client: &Client, world: &BenchWorld) -> anyhow::Result<Vec<(String, f64)>> {
    // The same that autovacuum would do later, during the queries.
    client.batch_execute("VACUUM (ANALYZE)").await?;
    let mut all = Vec::new();
    for (name, sql) in QUESTIONS {
        let mut times = Times::default();
        let mut rows = 0;
        for n in 0..31 {
            let (time, count) = ask(client, &sql(n * 7919, world)).await?;
            if n > 0 {
                times.add(time);
            }
            rows = rows.max(count);
        }
        println!("{name:<28} {:>12.2} ({rows} at most)", times.median() * 1000.0);
        all.push((name.to_owned(), times.median() * 1000.0));
    }
    Ok(all)
}

/// The subjects of the events: a year of a company with `subjects` subjects.
pub(crate) struct BenchWorld {
    /// Microseconds since 1970.
    now: i64,
    subjects: u64,
    events: u64,
}

impl BenchWorld {
    /// Creates a year that ends at the database's current time.
    pub(crate) async fn new(client: &Client, subjects: u64, events: u64) -> anyhow::Result<Self> {
        let now = client
            .query_one("SELECT (extract(epoch FROM now()) * 1e6)::bigint", &[])
            .await?
            .try_get(0)?;
        Ok(Self { now, subjects: subjects.max(100), events })
    }

    /// Returns the events from `first` on, in Lambda's form.
    pub(crate) fn batch(&self, first: u64, count: u64, partition: i32, offset: u64) -> Vec<u8> {
        let mut json =
            format!(r#"{{"eventSource":"aws:kafka","records":{{"cdevents-{partition}":["#);
        for n in 0..count {
            let (at, value) = self.event(first + n);
            let value = base64_simd::STANDARD.encode_to_string(value);
            // Writing into a string does not fail.
            let _ = write!(
                json,
                r#"{}{{"topic":"cdevents","partition":{partition},"offset":{},"timestamp":{},"timestampType":"CREATE_TIME","value":"{value}","headers":[]}}"#,
                if n == 0 { "" } else { "," },
                offset + n,
                at / 1000
            );
        }
        json.push_str("]}}");
        json.into_bytes()
    }

    /// Returns the number of a release. A fifth of the subjects are releases; each turn of twenty
    /// events builds, publishes and deploys one.
    fn release(&self, turn: u64) -> u64 {
        turn * 104_729 % (self.subjects / 5).max(10)
    }

    /// Returns the service of a turn. A four-hundredth of the subjects are services.
    fn service(&self, turn: u64) -> String {
        format!("service-{}", self.release(turn) % (self.subjects / 400).max(10))
    }

    fn artifact(&self, turn: u64) -> String {
        let release = self.release(turn);
        format!("pkg:oci/{}@sha256%3A{release:064x}?tag=1.{release}", self.service(turn))
    }

    fn incident(&self, n: u64) -> String {
        format!("incident-{}", n % (self.subjects / 100).max(10))
    }

    /// Returns one event: its instant in microseconds, and its text.
    fn event(&self, n: u64) -> (i64, String) {
        const YEAR: u64 = 365 * 24 * 3600 * 1_000_000;
        let back = YEAR / self.events * (self.events - n.min(self.events));
        let at = self.now - i64::try_from(back).unwrap_or_default();
        let environment = format!("environment-{}", n / 3 % ENVIRONMENTS);
        let thing = |share: u64| n / 20 * 7 % (self.subjects * share / 100).max(10);
        let (what, id, content) = match n % 20 {
            0..=3 => (
                "taskrun.started.0.3.0",
                format!("taskrun-{}", thing(40)),
                format!(
                    r#"{{"taskName":"task","uri":"https://ci.example/{n}","pipelineRun":{{"id":"run-{}"}}}}"#,
                    thing(20)
                ),
            ),
            4..=7 => (
                "taskrun.finished.0.3.0",
                format!("taskrun-{}", thing(40)),
                format!(
                    r#"{{"taskName":"task","pipelineRun":{{"id":"run-{}"}},"outcome":"success"}}"#,
                    thing(20)
                ),
            ),
            8..=9 => (
                "pipelinerun.started.0.3.0",
                format!("run-{}", thing(20)),
                r#"{"pipelineName":"main","uri":"https://ci.example/runs"}"#.to_owned(),
            ),
            10..=11 => (
                "pipelinerun.finished.0.3.0",
                format!("run-{}", thing(20)),
                r#"{"pipelineName":"main","outcome":"failure","errors":"something went wrong"}"#
                    .to_owned(),
            ),
            12 => (
                "build.finished.0.3.0",
                format!("build-{}", thing(5)),
                format!(r#"{{"artifactId":"{}"}}"#, self.artifact(n / 20)),
            ),
            13 => {
                ("artifact.published.0.3.0", self.artifact(n / 20), r#"{"user":"ci"}"#.to_owned())
            }
            14..=15 => (
                "testcaserun.finished.0.3.0",
                format!("case-{}", thing(14)),
                format!(
                    r#"{{"outcome":"success","environment":{{"id":"{environment}"}},"testCase":{{"id":"case-{}","version":"1","name":"Login"}}}}"#,
                    n % 500
                ),
            ),
            16 => (
                "change.merged.0.3.0",
                format!("change-{}", thing(5)),
                r#"{"repository":{"id":"harbour/shop"}}"#.to_owned(),
            ),
            17..=18 => (
                "service.deployed.0.3.0",
                self.service(n / 20),
                format!(
                    r#"{{"environment":{{"id":"{environment}"}},"artifactId":"{}"}}"#,
                    self.artifact(n / 20)
                ),
            ),
            _ if n % 40 == 19 => (
                "incident.detected.0.3.0",
                self.incident(n / 40),
                format!(
                    r#"{{"description":"too slow","environment":{{"id":"{environment}"}},"service":{{"id":"{}"}}}}"#,
                    self.service(n / 20)
                ),
            ),
            _ => (
                "incident.resolved.0.3.0",
                self.incident(n / 40),
                format!(r#"{{"description":"fast","environment":{{"id":"{environment}"}}}}"#),
            ),
        };
        let timestamp = Micros(at).rfc3339_millis();
        let text = format!(
            r#"{{"context":{{"specversion":"0.5.1","id":"{:08x}-0000-4000-8000-{:012x}","source":"https://ci.example/harbour/events","type":"dev.cdevents.{what}","timestamp":"{timestamp}","chainId":"{:08x}-0000-4000-8000-00000000aaaa","links":[{{"linkType":"PATH","from":{{"contextId":"{:08x}-0000-4000-8000-{:012x}"}}}}]}},"subject":{{"id":"{id}","source":"https://ci.example/harbour","content":{content}}},"customData":{{"note":"the quick brown fox jumps over the lazy dog","n":{n}}},"customDataContentType":"application/json"}}"#,
            n.wrapping_mul(2_654_435_761) % 0xffff_ffff,
            n,
            n / 25,
            n.saturating_sub(1).wrapping_mul(2_654_435_761) % 0xffff_ffff,
            n.saturating_sub(1),
        );
        (at, text)
    }
}

/// Returns the SQL of COPY into `cdevents`, and the rows of both tables. They are made before the
/// measurement starts.
fn ceiling_rows(bytes: &[u8]) -> anyhow::Result<(&'static str, [Bytes; 2])> {
    let models = models::builtin();
    let topics = Topics::new(&TopicsConfig::default(), &models)?;
    let model = models.get("cdevents").context("no cdevents")?;
    let batch = KafkaBatch::parse(bytes)?;
    let records: Vec<_> = batch.records().collect();
    let opened: Vec<_> = records.iter().map(|record| value::open(record, None)).collect();
    let mut rows = model.rows(&topics);
    let mut chosen = Vec::new();
    let mut events = CopyRows::new(bytes.len());
    for (n, (record, opened)) in records.iter().zip(&opened).enumerate() {
        let value::Opened::Json { text, .. } = opened else { continue };
        let Outcome::Event(event) = rows.decode(record, text) else {
            anyhow::bail!("no event: {text}")
        };
        // No two batches share an offset.
        let offset = i64::try_from(n)? + event.event_time.map_or(0, |at| at.0);
        let row = LogRow {
            partition: record.partition,
            offset,
            timestamp_ms: record.timestamp_ms,
            event_time: event.event_time,
            checksum: record.checksum,
            key: None,
            entity_id: event.entity_id.as_deref(),
            payload: text,
        };
        log_row(&mut events, &row);
        let at = Position {
            timestamp_ms: record.timestamp_ms,
            stream: ceiling::STREAM,
            partition: record.partition,
            offset,
        };
        chosen.push(Chosen { row: event.row.context("no row")?, at });
    }
    events.end();
    // The ceiling is COPY into the projection, without the table of its identities.
    let copy = rows.copy_new(&chosen).pop().context("no rows")?;
    Ok((copy.sql, [events.take(), copy.data]))
}
