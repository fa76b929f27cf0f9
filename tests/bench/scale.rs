//! `bench -- scale`: fills the log and a projection step by step, and measures a batch, the first
//! page of lists and the dump of a day at each step. What is slower later has a slope.
//!
//! The rows are those that ingest and packing leave: runs of up to 100 records as packed rows, the
//! others as narrow ones. An hour has 20,000 events whatever the step, so more events are a longer
//! time, and a day has the same events at each step.

use std::{
    cell::Cell,
    io::{IsTerminal, Write},
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use clap::Args;
use tokio_postgres::Client;
use weir_blob::Format;
use weir_ingest::Handler;
use weir_model::{Micros, Topics, TopicsConfig, models};
use weir_store::{DatabaseConfig, Store, Writer};

use crate::{
    Usage,
    batches::{self, readings},
    dump, load, rest,
    server::Bench,
    stats::{Times, median},
};

/// The steps and the rounds.
#[derive(Args)]
pub(crate) struct Options {
    /// Millions of events at which everything is measured
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_values_t = [1, 10, 50],
        value_parser = clap::value_parser!(u32).range(1..=1000))]
    events: Vec<u32>,

    /// Number of batches of 10,000 records at each step; each list is requested for as many tenths
    /// of a second
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=40))]
    rounds: u32,

    /// Setting of the temporary PostgreSQL server; can be given several times
    #[arg(long, value_name = "NAME=VALUE")]
    setting: Vec<String>,
}

/// The hours of a million events.
const HOURS: u32 = 50;
/// The hours that are filled in one transaction.
const PART: u32 = 5;
/// The connections that fill.
const FILLERS: usize = 2;
/// The disk that an event needs in the log and in the projection, with indexes; and what the server
/// needs in addition, mostly WAL.
const EVENT_BYTES: f64 = 215.0;
const SERVER_GB: f64 = 3.0;
/// Autovacuum would slow some measurements at random. Without a limit the WAL of the fill would
/// stay on the disk.
const SETTINGS: [&str; 3] = ["autovacuum=off", "max_wal_size=2GB", "wal_compression=on"];
const LIMIT: Duration = Duration::from_mins(1);

/// The records of a batch, and how often each is measured in a round.
const BATCHES: [(&str, i64, u32); 2] = [("batch", 10_000, 1), ("batch_1000", 1_000, 2)];
/// The lists, each with its query.
const PAGES: [(&str, &str); 4] = [
    ("page_common", "topic=readings"),
    ("page_rare", "topic=alarms"),
    ("page_absent", "topic=nothing"),
    ("page_type", "topic=orders&event_type=created"),
];
/// The dumped models: the day of the log is the day of arrival.
const DUMPS: [(&str, &str); 2] = [("dump_log", "events"), ("dump_readings", "readings")];

/// $1 the begin of the first hour, $2 the number of hours. The database is new, so the streams and
/// their types have the ids 1, 2 and 3.
const MONTHS: &str = "SELECT make_event_month(m), make_series_month('readings', m)
    FROM generate_series(date_trunc('month', $1::timestamptz), now(), interval '1 month') AS m";
const STREAMS: &str = "INSERT INTO streams (topic, group_id, epoch) VALUES ('readings', 'bench', 0), ('orders', 'bench', 0), ('alarms', 'bench', 0);
    INSERT INTO event_types (stream, skipped, event_type) VALUES (1, false, 'reading'), (2, false, 'created'), (3, false, 'raised')";
/// $1 the number of all hours.
const PARTITIONS: &str = "INSERT INTO stream_partitions (stream, partition, next_offset)
    SELECT 1, n, $1::bigint * 1200 FROM generate_series(0, 15) AS n
    UNION ALL SELECT 2, n, $1::bigint * 200 FROM generate_series(0, 3) AS n
    UNION ALL SELECT 3, 0, $1::bigint / 10 + 1";
const BEGIN_FILL: &str = "SET synchronous_commit = off; SET TimeZone = 'UTC';
    CREATE TEMPORARY TABLE made (stream integer, partition integer, \"offset\" bigint, row_first bigint, arrived_at timestamptz, event_time timestamptz,
        entity_id text, entity_hash integer, payload text);
    CREATE TEMPORARY TABLE sensors AS
    SELECT n, name, api.entity_hash(name) AS hash FROM (SELECT n, 'sensor_' || lpad(n::text, 3, '0') AS name FROM generate_series(0, 99) AS n) AS s;
    ANALYZE sensors";
/// The records of some hours. $1 the number of the first hour, $2 of the last one, $3 the time of
/// hour 0. Of 100 records of a partition one is from a clock that is a year ahead; these do not
/// fit into a row with others.
const MAKE: [&str; 3] = [
    "INSERT INTO made
    SELECT 1, p, h * 1200 + i, h * 1200 + CASE WHEN i % 100 = 7 THEN 7 ELSE i - i % 100 END, t.at + (i - i % 100) * interval '3 seconds', e.at, s.name, s.hash,
        format('{\"sensor\":\"%s\",\"value\":%s.5,\"timestamp\":\"%s\"}', s.name, i, to_char(e.at, 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'))
    FROM generate_series($1::bigint, $2::bigint) AS h
    CROSS JOIN LATERAL (SELECT $3::timestamptz + h * interval '1 hour' AS at) AS t
    CROSS JOIN generate_series(0, 15) AS p
    CROSS JOIN generate_series(0, 1199) AS i
    CROSS JOIN LATERAL (SELECT t.at + i * interval '3 seconds' + (p * 10 + 5) * interval '1 millisecond'
        + CASE WHEN i % 100 = 7 THEN interval '1 year' ELSE interval '0' END AS at) AS e
    JOIN sensors s ON s.n = (p * 1200 + i) * 37 % 100",
    "INSERT INTO made
    SELECT 2, p, o.number, h * 200 + CASE WHEN i % 100 = 7 THEN 7 ELSE i - i % 100 END, t.at + (i - i % 100) * interval '18 seconds',
        t.at + i * interval '18 seconds' + CASE WHEN i % 100 = 7 THEN interval '1 year' ELSE interval '0' END, n.entity, api.entity_hash(n.entity),
        format('{\"id\":\"%s\",\"kind\":\"created\",\"amount\":%s.5,\"note\":\"%s\"}', n.entity, i, repeat('the quick brown fox jumps over the lazy dog ', 7))
    FROM generate_series($1::bigint, $2::bigint) AS h
    CROSS JOIN LATERAL (SELECT $3::timestamptz + h * interval '1 hour' AS at) AS t
    CROSS JOIN generate_series(0, 3) AS p
    CROSS JOIN generate_series(0, 199) AS i
    CROSS JOIN LATERAL (SELECT h * 200 + i AS number) AS o
    CROSS JOIN LATERAL (SELECT 'order-' || (o.number * 4 + p) / 3 AS entity) AS n",
    "INSERT INTO made
    SELECT 3, 0, h / 10, h / 10, t.at, t.at, 'alarm-' || h, api.entity_hash('alarm-' || h), format('{\"id\":\"alarm-%s\",\"kind\":\"raised\"}', h)
    FROM generate_series($1::bigint, $2::bigint) AS h
    CROSS JOIN LATERAL (SELECT $3::timestamptz + h * interval '1 hour' AS at) AS t
    WHERE h % 10 = 0",
];
const STORE: &str = "INSERT INTO packed_events (first_offset, last_offset, arrived_at, oldest, newest, stream, partition, type_id, records, key_is_entity,
        offsets, event_times, checksums, entity_hashes, entity_ids, payloads)
    SELECT m.row_first, max(m.\"offset\"), min(m.arrived_at), min(m.event_time), max(m.event_time), m.stream, m.partition, m.stream, count(*), true,
        CASE WHEN max(m.\"offset\") - m.row_first >= count(*) THEN array_agg((m.\"offset\" - m.row_first)::smallint ORDER BY m.\"offset\") END,
        array_agg(m.event_time ORDER BY m.\"offset\"), array_agg(md5(m.\"offset\"::text)::uuid ORDER BY m.\"offset\"), array_agg(DISTINCT m.entity_hash),
        array_agg(m.entity_id ORDER BY m.\"offset\"), array_agg(m.payload::json ORDER BY m.\"offset\")
    FROM made m
    GROUP BY m.stream, m.partition, m.row_first
    HAVING count(*) >= 5;
    INSERT INTO event_records (\"offset\", arrived_at, event_time, stream, partition, type_id, checksum, key_is_entity, entity_id, payload)
    SELECT m.\"offset\", m.arrived_at, m.event_time, m.stream, m.partition, m.stream, decode(md5(m.\"offset\"::text), 'hex'), true, m.entity_id, m.payload::json
    FROM (SELECT o.*, count(*) OVER (PARTITION BY o.stream, o.partition, o.row_first) AS size FROM made o) AS m
    WHERE m.size < 5;
    INSERT INTO readings (sensor, \"timestamp\", value, record_timestamp_ms, stream, partition, \"offset\")
    SELECT m.entity_id, m.event_time, m.\"offset\" % 1000, extract(epoch FROM m.event_time) * 1000, m.stream, m.partition, m.\"offset\" FROM made m WHERE m.stream = 1;
    TRUNCATE made";

pub(crate) async fn run(options: &Options) -> anyhow::Result<()> {
    let steps = &options.events;
    ensure!(
        steps.is_sorted_by(|a, b| a < b),
        Usage(format!("--events {steps:?} must grow from step to step"))
    );
    let most = steps.last().copied().context("a step")?;
    let need = f64::from(most) * EVENT_BYTES / 1000.0 + SERVER_GB;
    eprintln!(
        "{most} million events need about {need:.0} GB in {}",
        std::env::temp_dir().display()
    );
    let settings = [&SETTINGS.map(str::to_owned), options.setting.as_slice()].concat();
    let scale = Scale::new(Bench::start(&settings).await?, most * HOURS).await?;
    let mut figures: Vec<(String, Vec<f64>)> = Vec::new();
    let mut filled = 0;
    for step in steps {
        let hours = step * HOURS;
        scale.fill(filled..hours).await?;
        filled = hours;
        for (name, value) in scale.measure(options.rounds).await? {
            match figures.iter_mut().find(|(known, _)| *known == name) {
                Some((_, values)) => values.push(value),
                None => figures.push((name, vec![value])),
            }
        }
    }
    drop(scale.client);
    scale.bench.stop(None).await?;
    print!("{:<24}", "figure, ms");
    for step in steps {
        print!("{:>12}", format!("{step} M"));
    }
    println!();
    for (name, values) in &figures {
        print!("{name:<24}");
        for value in values {
            print!("{value:>12.3}");
        }
        println!();
    }
    println!();
    let first = steps[0];
    for (name, values) in &figures {
        for (step, value) in steps.iter().zip(values).skip(1) {
            println!("ratio {name}_{step}M_over_{first}M {:.3}", value / values[0]);
        }
    }
    Ok(())
}

/// A database that grows.
struct Scale {
    bench: Bench,
    client: Client,
    handler: Handler,
    /// The number of all hours. The last one ends when the current hour begins.
    hours: u32,
    /// The time of hour 0.
    begin: Micros,
    /// Yesterday, which is whole at each step.
    day: String,
    /// The next reading of a batch, and the next offsets of its partitions.
    next: std::sync::Mutex<(i64, [i64; 16])>,
}

impl Scale {
    async fn new(bench: Bench, hours: u32) -> anyhow::Result<Self> {
        let client = bench.connect().await?;
        client.batch_execute("SET TimeZone = 'UTC'").await?;
        let sql =
            "SELECT date_trunc('hour', now()) - $1 * interval '1 hour', (now()::date - 1)::text,
            extract(epoch FROM now()::date - interval '1 day')::bigint";
        let row = client.query_one(sql, &[&f64::from(hours)]).await?;
        let (begin, day, midnight): (Micros, String, i64) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        client.query(MONTHS, &[&begin]).await?;
        client.batch_execute(STREAMS).await?;
        client.execute(PARTITIONS, &[&i64::from(hours)]).await?;
        let (models, config) = (models::builtin(), TopicsConfig::default());
        let writer = Writer::new(
            Store::new(&DatabaseConfig::from_url(&bench.url))?,
            models.clone(),
            Topics::new(&config, &models)?,
            "bench",
        );
        // The batches have times of the evening before yesterday, so their rows are in a month with
        // others, and in no dump.
        let reading = batches::reading_at(midnight - 3 * 3600);
        let next = std::sync::Mutex::new((reading, [i64::from(hours) * 1200; 16]));
        Ok(Self { bench, client, handler: Handler::new(writer), hours, begin, day, next })
    }

    /// Fills these hours, counted back from the end.
    async fn fill(&self, back: std::ops::Range<u32>) -> anyhow::Result<()> {
        let (first, end) = (self.hours - back.end, self.hours - back.start);
        let events = f64::from(end - first) / f64::from(HOURS);
        let (next, done) = (AtomicU32::new(first), AtomicU32::new(0));
        let begun = Instant::now();
        let say = progress();
        say(&format!("filling {events:.0} million events"), true);
        let filler = async || -> anyhow::Result<()> {
            let client = self.bench.connect().await?;
            client.batch_execute(BEGIN_FILL).await?;
            loop {
                let from = next.fetch_add(PART, Relaxed);
                if from >= end {
                    return Ok(());
                }
                let to = (from + PART).min(end);
                client.batch_execute("BEGIN").await?;
                for sql in MAKE {
                    let hours = (i64::from(from), i64::from(to - 1));
                    client.execute(sql, &[&hours.0, &hours.1, &self.begin]).await?;
                }
                client.batch_execute(STORE).await?;
                client.batch_execute("COMMIT").await?;
                let done = done.fetch_add(to - from, Relaxed) + to - from;
                let share = f64::from(done) / f64::from(end - first);
                let left = begun.elapsed().as_secs_f64() * (1.0 / share - 1.0);
                say(
                    &format!(
                        "filled {:.1} of {events:.0} million, {left:.0} s left",
                        events * share
                    ),
                    false,
                );
            }
        };
        futures_util::future::try_join_all((0..FILLERS).map(|_| filler())).await?;
        say(&format!("filled {events:.0} million events, vacuuming"), true);
        // The same that autovacuum would do later.
        self.client.batch_execute("VACUUM (ANALYZE)").await?;
        self.client.batch_execute("CHECKPOINT").await?;
        let sizes = "SELECT count(*)::text || ' tables, ' || pg_size_pretty(sum(pg_total_relation_size(oid)) FILTER (WHERE relname ~ '^(packed_)?events_')) || ' log, '
            || pg_size_pretty(sum(pg_total_relation_size(oid)) FILTER (WHERE relname ~ '^readings')) || ' readings' FROM pg_class WHERE relkind = 'r'";
        say(&self.client.query_one(sizes, &[]).await?.try_get::<_, String>(0)?, true);
        Ok(())
    }

    /// Returns the figures in milliseconds.
    async fn measure(&self, rounds: u32) -> anyhow::Result<Vec<(String, f64)>> {
        let say = progress();
        let mut figures = Vec::new();
        let mut add = |name: String, seconds: f64| figures.push((name, seconds * 1000.0));
        // The dumps are first: the batches leave pages to be written.
        for (name, model) in DUMPS {
            say(&format!("measuring {name}"), true);
            let mut times = Vec::new();
            for _ in 0..(rounds / 4).max(1) {
                let (time, rows, _) =
                    dump::dump(&self.bench, model, &self.day, &[Format::Parquet]).await?;
                ensure!(rows > 400_000, "{rows} rows of {model} on {}", self.day);
                times.push(time.as_secs_f64());
            }
            add(name.to_owned(), median(&times));
        }
        let address = rest::serve(&self.bench.url).await?;
        // An order of the last hours, which exists at each step.
        let entity = format!("entity_id=order-{}", (self.hours - 3) * 200 * 4 / 3);
        for (name, query) in PAGES.into_iter().chain([("page_entity", entity.as_str())]) {
            say(&format!("measuring {name}"), true);
            let paths = [format!("/v1/events?{query}")];
            let time = Duration::from_millis(100) * rounds;
            let (_, times) = load::load(address, &paths, 1, time).await?;
            let mut times: Vec<f64> = times.iter().map(Duration::as_secs_f64).collect();
            times.sort_by(f64::total_cmp);
            add(name.to_owned(), median(&times));
            add(format!("{name}_p99"), times[times.len() * 99 / 100]);
        }
        for (name, count, repeats) in BATCHES {
            say(&format!("measuring {name}"), true);
            let mut times = Times::default();
            for round in 0..=rounds * repeats {
                let bytes = self.batch(count);
                let begun = Instant::now();
                let report = self.handler.handle(&bytes, LIMIT).await?;
                ensure!(i64::try_from(report.event_acknowledged)? == count, "{report:?}");
                // The first round warms up.
                if round > 0 {
                    times.add(begun.elapsed());
                }
            }
            add(name.to_owned(), times.median());
        }
        Ok(figures)
    }

    fn batch(&self, count: i64) -> Vec<u8> {
        // The mutex guards numbers and is never held across an await or a panic.
        let mut next = self.next.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (reading, offsets) = &mut *next;
        let partition = usize::try_from(*reading / 1000 % 16).unwrap_or_default();
        let start = batches::Start {
            partition: i32::try_from(partition).unwrap_or_default(),
            offset: offsets[partition],
            reading: *reading,
        };
        offsets[partition] += count;
        *reading += count;
        batches::event(start, &readings(start, count))
    }
}

/// Prints progress: the important lines, and the others on a terminal or every ten seconds.
fn progress() -> impl Fn(&str, bool) {
    let terminal = std::io::stderr().is_terminal();
    let said = Cell::new(Instant::now());
    move |line, is_important| {
        if terminal {
            eprint!("\r{line}\x1b[K{}", if is_important { "\n" } else { "" });
            let _ = std::io::stderr().flush();
        } else if is_important || said.get().elapsed() > Duration::from_secs(10) {
            eprintln!("{line}");
            said.set(Instant::now());
        }
    }
}
