//! `bench -- archive`: a year of readings in the log. Eleven months move to the archive. Compares
//! the rebuild from the archive with that from the database, and measures the database and pages.

use std::{path::PathBuf, sync::Arc, time::Instant};

use anyhow::{Context, ensure};
use clap::Args;
use tokio_postgres::Client;
use weir_archive::{ArchiveReader, PageFilter};
use weir_blob::{BlobConfig, BlobUrl, Format, UtcDay};
use weir_dump::{DumpConfig, Dumper, Which, retain};
use weir_model::{Micros, Topics, TopicsConfig, models};
use weir_store::{
    DatabaseConfig, Store, Writer,
    archive::{ArchivedFile, FILES_OF_PAGE},
    log,
    packing::pack_closed_hours,
    replay::{self, Selection},
    retention::Keep,
};

use crate::{program::memory_mb, server::Bench, stats::Times};

/// The amount of data.
#[derive(Args)]
pub(crate) struct Options {
    /// Number of readings of the year
    #[arg(long, default_value_t = 1_000_000)]
    events: i64,

    /// Number of pages, each of another day
    #[arg(long, default_value_t = 40)]
    pages: u32,
}

const FILL_STREAMS: &str =
    "INSERT INTO streams (topic, group_id, epoch) VALUES ('readings', 'bench', 0);
    INSERT INTO stream_partitions (stream, partition) SELECT 1, n FROM generate_series(0, 15) n;
    SELECT make_event_month('2025-01-01Z'::timestamptz + n * interval '1 month') FROM generate_series(0, 11) n";

/// Evenly over the year, from six sensors.
const FILL: &str = "INSERT INTO restored_rows (stream, partition, \"offset\", arrived_at, timestamp_ms, event_time, checksum, outcome, key, entity_id, event_type, payload)
    SELECT 1, n % 16, n / 16, at, (date_part('epoch', at) * 1000)::int8, at, decode(md5(n::text), 'hex'), 'event', convert_to(sensor, 'UTF8'), sensor, 'reading',
        ('{\"sensor\":\"' || sensor || '\",\"value\":' || n % 1000 || '.5,\"timestamp\":\"' || to_char(at, 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') || '\"}')::json
    FROM generate_series($1::int8, $2::int8) n
    CROSS JOIN LATERAL (SELECT '2025-01-01Z'::timestamptz + n * ($3::float8 * interval '1 second') AS at, 'sensor_' || n % 6 AS sensor) AS s";

pub(crate) async fn run(options: &Options) -> anyhow::Result<()> {
    let bench = Bench::start(&[]).await?;
    let client = bench.connect().await?;
    fill(&client, options.events).await?;
    let store = Store::new(&DatabaseConfig::from_url(&bench.url))?;
    pack_closed_hours(&store, tokio::time::Instant::now() + std::time::Duration::from_hours(24))
        .await?;
    let blob = BlobConfig { blob_url: Some(BlobUrl::File(bench.folder().join("dumps"))) };
    let config = DumpConfig { blob, models: vec!["events".into()], formats: vec![Format::Parquet] };
    let dumper = Dumper::new(store.clone(), &models::builtin(), &config)?;
    let blobs = dumper.blobs.clone();
    let reader = || ArchiveReader::new(Some(blobs.clone()));
    let topics = Topics::new(&TopicsConfig::default(), &models::builtin())?;
    let writer =
        Writer::new(store, models::builtin(), topics, "bench").with_archive(Arc::new(reader()));

    rebuild(&writer, options.events).await?;
    let of_database = rebuild(&writer, options.events).await?;
    let (before, rows) = (size(&client).await?, rows(&client).await?);
    let day = |text: &str| text.parse::<UtcDay>().map_err(anyhow::Error::msg);
    let now = Micros::from_rfc3339("2026-01-05T06:00:00Z").context("an instant")?;
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_hours(24);
    let which = Which::Range(day("2025-01-01")?, day("2025-11-30")?);
    let begun = Instant::now();
    let dumped = dumper.run(which, day("2026-01-05")?, now, deadline, &|_| {}).await?;
    ensure!(dumped.failed.is_empty(), "a day was not dumped");
    let dumping = begun.elapsed();
    let begun = Instant::now();
    let moved = retain(&dumper, &Keep::of_log(30), now, &[], &|_| {}).await?;
    let moving = begun.elapsed();
    ensure!(moved.dropped.iter().filter(|month| month.is_archived).count() == 11, "{moved:?}");
    let memory = memory_mb("self")?;
    let of_archive = rebuild(&writer, options.events).await?;
    let peak = memory_mb("self")?;
    ensure!(self::rows(&client).await? == rows, "the rebuilt rows differ");
    let after = size(&client).await?;

    let mut pages = Times::default();
    for n in 0..options.pages {
        // Each page is of a day that no page before has read.
        let to = UtcDay::from_number(day("2025-01-02")?.number() + i32::try_from(n * 7 % 330)?);
        let to = to.context("a day")?.begin_micros();
        let begun = Instant::now();
        let params: [weir_http::SqlParam<'_>; 7] = [
            (&vec!["readings"], tokio_postgres::types::Type::TEXT_ARRAY),
            (&None::<String>, tokio_postgres::types::Type::TEXT),
            (&None::<i32>, tokio_postgres::types::Type::INT4),
            (&None::<Micros>, tokio_postgres::types::Type::TIMESTAMPTZ),
            (&Micros(to), tokio_postgres::types::Type::TIMESTAMPTZ),
            (&None::<Micros>, tokio_postgres::types::Type::TIMESTAMPTZ),
            (&None::<Micros>, tokio_postgres::types::Type::TIMESTAMPTZ),
        ];
        let files = client.query_typed(FILES_OF_PAGE, &params).await?;
        let files: Vec<_> = files.iter().map(ArchivedFile::read).collect::<Result<_, _>>()?;
        let filter = PageFilter { to: Some(to), ..PageFilter::default() };
        let page = reader().page(&files, filter, None, 21).await?;
        pages.add(begun.elapsed());
        ensure!(page.records.len() == 21, "{} events", page.records.len());
    }
    let folder: PathBuf = bench.folder().join("dumps");
    println!("{:<40} {:>9.2} s", "dump of 334 days", dumping.as_secs_f64());
    println!("{:<40} {:>9.2} s", "move of 11 months", moving.as_secs_f64());
    println!("{:<40} {of_database:>9.2} s", "rebuild from the database");
    println!("{:<40} {of_archive:>9.2} s", "rebuild with the archive");
    println!("{:<40} {before:>9.1} MB, then {after:.1} MB", "the log in the database");
    println!("{:<40} {:>9.1} MB", "the archive", folder_mb(&folder)?);
    println!("{:<40} {:>9.1} ms", "a page of an archived day", pages.median() * 1000.0);
    println!(
        "{:<40} {memory:>9.1} MB, {peak:.1} MB after the rebuild",
        "peak memory of this process"
    );
    drop(client);
    bench.stop(None).await?;
    println!();
    println!("ratio archive_rebuild {:.3}", of_database / of_archive);
    println!("ratio archive_size {:.3}", after / before);
    println!("ratio archive_page_ms {:.1}", pages.median() * 1000.0);
    Ok(())
}

async fn fill(client: &Client, events: i64) -> anyhow::Result<()> {
    client.batch_execute("SET synchronous_commit = off; SET TimeZone = 'UTC'").await?;
    client.batch_execute(FILL_STREAMS).await?;
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let step = 365.0 * 86_400.0 / events as f64;
    let mut filled = 0;
    while filled < events {
        let next = (filled + 250_000).min(events);
        client.batch_execute("BEGIN").await?;
        client.batch_execute(log::BEGIN_RESTORE).await?;
        client.execute(FILL, &[&filled, &(next - 1), &step]).await?;
        client.batch_execute(log::END_RESTORE).await?;
        client.batch_execute("COMMIT").await?;
        filled = next;
        eprint!("\r{filled} events");
    }
    eprintln!();
    client.batch_execute("VACUUM ANALYZE").await?;
    Ok(())
}

/// Returns the seconds of a rebuild of the readings.
async fn rebuild(writer: &Writer, events: i64) -> anyhow::Result<f64> {
    let begun = Instant::now();
    let done = replay::model(writer, "readings", &Selection::default(), &|_, _| {}).await?;
    ensure!(done.rebuilt && i64::try_from(done.events)? == events, "{done:?}");
    Ok(begun.elapsed().as_secs_f64())
}

/// Returns a digest of the rows of the readings.
async fn rows(client: &Client) -> anyhow::Result<String> {
    let sql =
        "SELECT count(*) || ' ' || sum(hashtextextended(r::text, 0)::numeric) FROM readings r";
    Ok(client.query_one(sql, &[]).await?.try_get(0)?)
}

/// Returns the size of the log in the database, with the tables of the archive.
async fn size(client: &Client) -> anyhow::Result<f64> {
    let sql = "SELECT (sum(pg_total_relation_size(c.oid)) / 1e6)::float8 FROM pg_class c
        WHERE c.relkind = 'r' AND c.relname ~ '^(packed_)?events_|^archived_'";
    Ok(client.query_one(sql, &[]).await?.try_get(0)?)
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn folder_mb(folder: &std::path::Path) -> anyhow::Result<f64> {
    let mut bytes = 0.0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        bytes += if entry.path().is_dir() {
            folder_mb(&entry.path())?
        } else {
            entry.metadata()?.len() as f64 / 1e6
        };
    }
    Ok(bytes)
}
