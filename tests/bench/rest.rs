//! `bench -- rest`: measures answers per second. The ceilings are `pgbench` and `psql COPY` on the
//! same database in the same run.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use clap::Args;
use tokio::{net::TcpListener, process::Command};
use tokio_postgres::Client;
use weir_api::{ApiState, DatabaseHealth};
use weir_http::{Access, HttpLimits, ReadConnection, Server};
use weir_model::{Topics, TopicsConfig, models};
use weir_plugin::Plugins;
use weir_store::{DatabaseConfig, Store, Writer, log, packing::pack_closed_hours};

use crate::{
    load::{drain, load},
    program::memory_mb,
    server::Bench,
    stats::median,
};

/// The amount of data and of rounds.
#[derive(Args)]
pub(crate) struct Options {
    /// Number of rounds; each one measures every way once
    #[arg(long, default_value_t = 5)]
    rounds: usize,

    /// Duration of each measurement, in seconds
    #[arg(long, default_value_t = 4)]
    seconds: u64,

    /// Number of events in the log
    #[arg(long, default_value_t = 5_000_000)]
    events: i64,

    /// Number of rows in the streamed answer
    #[arg(long, default_value_t = 1_000_000)]
    stream: i64,

    /// Measure packed rows, as they are in closed hours
    #[arg(long)]
    packed: bool,
}

pub(crate) const CONNECTIONS: usize = 16;
const BUILDS: i64 = 100_000;

pub(crate) async fn run(options: &Options) -> anyhow::Result<()> {
    let bench = Bench::start(&[]).await?;
    let client = bench.connect().await?;
    fill(&client, options.events).await?;
    if options.packed {
        pack(&client, &bench.url).await?;
    }
    let address = serve(&bench.url).await?;
    let ways = ways(&client).await?;
    let entities = entities();
    let time = Duration::from_secs(options.seconds);
    let mut pgbench_rates = Vec::new();
    let mut rates: Vec<Vec<f64>> = vec![Vec::new(); ways.len()];
    let mut entity_times = Vec::new();
    for _ in 0..options.rounds {
        pgbench_rates.push(pgbench(&bench, options.seconds).await?);
        for (rates, (_, _, paths)) in rates.iter_mut().zip(&ways) {
            rates.push(load(address, paths, CONNECTIONS, time).await?.0);
        }
        entity_times.extend(load(address, &entities, 1, time).await?.1);
    }
    let mut ratios = Vec::new();
    println!("{:<34} {:>12} {:>8}", "way", "per second", "ratio");
    let ceiling = median(&pgbench_rates);
    println!("{:<34} {ceiling:>12.0} {:>8}", "pgbench, prepared select by key", "1.000");
    for ((name, ratio, _), rates) in ways.iter().zip(&rates) {
        let rate = median(rates);
        println!("{name:<34} {rate:>12.0} {:>8.3}", rate / ceiling);
        ratios.push((format!("rest_{ratio}"), rate / ceiling));
    }
    let millis: Vec<f64> = entity_times.iter().map(|time| time.as_secs_f64() * 1000.0).collect();
    println!(
        "{:<34} {:>9.3} ms at the median of {}",
        "GET /v1/events?entity_id=…",
        median(&millis),
        millis.len()
    );
    ratios.push(("rest_entity_ms".to_owned(), median(&millis)));

    let (mut copies, mut streams) = (Vec::new(), Vec::new());
    let before = memory_mb("self")?;
    for _ in 0..options.rounds.div_ceil(2) {
        copies.push(copy(&bench, options.stream).await?);
        streams.push(stream(address, options.events, options.stream).await?.as_secs_f64());
    }
    let (copy, stream) = (median(&copies), median(&streams));
    println!("{:<34} {copy:>10.2} s", format!("psql COPY of {} events", options.stream));
    println!(
        "{:<34} {stream:>10.2} s {:>8.3}",
        format!("NDJSON of {} events", options.stream),
        copy / stream
    );
    println!(
        "{:<34} {:>9.1} MB, {:.1} MB before",
        "peak memory of this process",
        memory_mb("self")?,
        before
    );
    ratios.push(("rest_stream".to_owned(), copy / stream));
    drop(client);
    bench.stop(None).await?;
    println!();
    for (name, value) in ratios {
        println!("ratio {name} {value:.3}");
    }
    Ok(())
}

/// Fills a migrated database with builds and events.
pub(crate) async fn fill(client: &Client, events: i64) -> anyhow::Result<()> {
    eprintln!("filling: {BUILDS} builds, {events} events …");
    client.batch_execute("SET synchronous_commit = off").await?;
    client.execute(FILL_BUILDS, &[&BUILDS]).await?;
    client.batch_execute(FILL_STREAMS).await?;
    let mut filled = 0;
    while filled < events {
        let next = (filled + 250_000).min(events);
        client.batch_execute("BEGIN").await?;
        client.batch_execute(log::BEGIN_RESTORE).await?;
        client.execute(FILL_EVENTS, &[&filled, &(next - 1)]).await?;
        // A base of `bench compare` may be a build from before the narrow rows.
        let is_narrow = "SELECT to_regclass('event_records') IS NOT NULL";
        let is_narrow: bool = client.query_one(is_narrow, &[]).await?.try_get(0)?;
        let wide = "ALTER TABLE restored_rows DROP COLUMN topic; \
            INSERT INTO events SELECT * FROM restored_rows; DROP TABLE restored_rows";
        client.batch_execute(if is_narrow { log::END_RESTORE } else { wide }).await?;
        client.batch_execute("COMMIT").await?;
        filled = next;
        eprint!("\r{filled} events");
    }
    eprintln!();
    client.batch_execute("VACUUM ANALYZE").await?;
    Ok(())
}

/// Packs the events of [`fill`], as if their hour were closed. A base of `bench compare` may be a
/// build without packed rows, which stay as they are.
pub(crate) async fn pack(client: &Client, url: &str) -> anyhow::Result<()> {
    let has_packed = "SELECT to_regclass('packed_events') IS NOT NULL";
    if !client.query_one(has_packed, &[]).await?.try_get::<_, bool>(0)? {
        return Ok(());
    }
    eprintln!("packing …");
    client.batch_execute(CLOSE_HOUR).await?;
    let store = Store::new(&DatabaseConfig::from_url(url))?;
    pack_closed_hours(&store, tokio::time::Instant::now() + Duration::from_hours(1)).await?;
    client.batch_execute("VACUUM ANALYZE").await?;
    Ok(())
}

/// Returns the requests for many connections: the name of the measurement, its figure, and the
/// paths.
pub(crate) async fn ways(
    client: &Client,
) -> anyhow::Result<[(&'static str, &'static str, Vec<String>); 4]> {
    let ids =
        client.query("SELECT id::text FROM builds ORDER BY md5(id::text) LIMIT 5000", &[]).await?;
    let by_key = ids
        .iter()
        .map(|row| Ok(format!("/build/{}", row.try_get::<_, String>(0)?)))
        .collect::<anyhow::Result<_>>()?;
    let list = |path: &str| vec![path.to_owned()];
    Ok([
        ("GET /build/{id}", "key", by_key),
        ("GET /build?limit=20", "list20", list("/build?limit=20")),
        ("GET /v1/events (20)", "events20", list("/v1/events")),
        ("GET /v1/builds?limit=20", "builds20", list("/v1/builds?limit=20")),
    ])
}

/// Returns the paths of the requests on one connection.
pub(crate) fn entities() -> Vec<String> {
    (0..1000).map(|n| format!("/v1/events?entity_id=entity-{}", n * 7919 % 50_000)).collect()
}

/// Returns the time to read the newest `rows` of all events as NDJSON.
pub(crate) async fn stream(
    address: SocketAddr,
    events: i64,
    rows: i64,
) -> anyhow::Result<Duration> {
    let first = 1_700_000_000 + events - rows;
    let newest =
        format!("/v1/events?from={}", weir_model::Micros(first * 1_000_000).rfc3339_millis());
    let begun = Instant::now();
    let bytes = drain(address, &newest, "application/x-ndjson").await?;
    ensure!(bytes > usize::try_from(rows)? * 100, "{bytes} bytes are not {rows} events");
    Ok(begun.elapsed())
}

/// Serves the whole router, with its access log, as `weir` does.
pub(crate) async fn serve(url: &str) -> anyhow::Result<SocketAddr> {
    let store = Store::new(&DatabaseConfig::from_url(url))?;
    let models = models::builtin();
    let topics = Topics::new(&TopicsConfig::default(), &models)?;
    let writer = Writer::new(store.clone(), models, topics, "bench");
    let limits = HttpLimits::default();
    let reader = ReadConnection::new(store);
    let health = Arc::new(DatabaseHealth(reader.clone()));
    let state =
        ApiState::new(writer, reader, Access::Open, limits, health, env!("CARGO_PKG_VERSION"));
    let server =
        Server::start(&weir_api::router(state, &Plugins::default()).map_err(anyhow::Error::msg)?)?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(server.serve(listener, std::future::pending()));
    Ok(address)
}

const FILL_BUILDS: &str = "INSERT INTO builds (id, project_id, branch_name, branch_url, commit_ref, commit_url, bytes_real, bytes_virtual, config,
        status_build, status_submitted, time_started, time_updated, record_timestamp_ms, stream, partition, \"offset\")
    SELECT md5('build' || n)::uuid, md5('project' || n % 100)::uuid, 'feature/' || n, 'https://git.example/tree/' || n, md5(n::text),
        'https://git.example/commit/' || md5(n::text), n * 1000, n * 100000, '{\"image\": \"rigging\", \"runInstall\": true}', 'ready', 'success',
        '2024-01-01Z'::timestamptz + n * interval '1 minute', '2024-01-01Z'::timestamptz + n * interval '1 minute', 0, 1, 0, n
    FROM generate_series(1, $1::int8) n";

const FILL_STREAMS: &str =
    "INSERT INTO streams (topic, group_id, epoch) VALUES ('orders', 'bench', 0);
    INSERT INTO stream_partitions (stream, partition) SELECT 1, n FROM generate_series(0, 15) n";

/// Events about 50,000 entities, one per second.
const FILL_EVENTS: &str = "INSERT INTO restored_rows (stream, partition, \"offset\", arrived_at, timestamp_ms, event_time, checksum, outcome, key, entity_id, event_type, payload)
    SELECT 1, n % 16, n / 16, now(), 1700000000000 + n * 1000, to_timestamp(1700000000 + n), decode(md5(n::text), 'hex'), 'event', 'entity',
        'entity-' || n % 50000, 'created',
        ('{\"id\":\"entity-' || n % 50000 || '\",\"kind\":\"created\",\"amount\":' || n % 1000 || '.5,\"note\":\"the quick brown fox jumps over the lazy dog\"}')::json
    FROM generate_series($1::int8, $2::int8) n";

/// The hour of the events is over.
const CLOSE_HOUR: &str = "SELECT make_event_month(now() - interval '2 hours');
    UPDATE event_records SET arrived_at = date_trunc('hour', now()) - interval '2 hours'";

async fn pgbench(bench: &Bench, seconds: u64) -> anyhow::Result<f64> {
    let script = bench.folder().join("select.sql");
    std::fs::write(
        &script,
        format!(
            "\\set n random(1, {BUILDS})\nSELECT * FROM builds WHERE id = md5('build' || :n)::uuid;\n"
        ),
    )?;
    let seconds = seconds.to_string();
    let output = Command::new(tool("pgbench")?)
        .args([
            "--no-vacuum",
            "--protocol=prepared",
            "--client=16",
            "--jobs=2",
            "--time",
            &seconds,
            "--file",
        ])
        .arg(&script)
        .arg(&bench.url)
        .output()
        .await?;
    let text = String::from_utf8_lossy(&output.stdout);
    let rate =
        text.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
    rate.with_context(|| {
        format!("pgbench said: {text} {}", String::from_utf8_lossy(&output.stderr))
    })
}

/// Returns the seconds that `psql COPY` takes for the same rows, as text.
async fn copy(bench: &Bench, rows: i64) -> anyhow::Result<f64> {
    let sql = format!(
        "COPY (SELECT * FROM events ORDER BY coalesce(event_time, '-infinity') DESC LIMIT {rows}) TO STDOUT"
    );
    let begun = Instant::now();
    let status = Command::new(tool("psql")?)
        .args(["--quiet", "--command", &sql, &bench.url])
        .stdout(Stdio::null())
        .status()
        .await?;
    ensure!(status.success(), "psql ended with {status}");
    Ok(begun.elapsed().as_secs_f64())
}

#[expect(clippy::disallowed_methods, reason = "where programs are found")]
/// Returns a client program of PostgreSQL, from PATH or from the server's folder.
pub(crate) fn tool(name: &str) -> anyhow::Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let beside = Path::new("/usr/lib/postgresql")
        .read_dir()
        .into_iter()
        .flatten()
        .flatten()
        .map(|version| version.path().join("bin"));
    let found = std::env::split_paths(&path)
        .chain(beside)
        .map(|folder| folder.join(name))
        .find(|program| program.is_file());
    match found {
        Some(program) => Ok(program),
        None => bail!(
            "{name} is missing: install PostgreSQL's client programs (apt-get install postgresql)"
        ),
    }
}
