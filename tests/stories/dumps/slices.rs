//! A day that two connections read in slices has the same order and content as one statement would
//! give.

use std::io::Read;

use anyhow::Context;
use flate2::read::GzDecoder;
use serde_json::Value;
use weir_blob::Format;
use weir_dump::{Found, Snapshot};
use weir_store::{DatabaseConfig, Store};
use weir_tests::{World, dumps::Dumps};

const DAY: &str = "2026-01-01";

/// A few sensors with many readings, in bursts and evenly; and many sensors with few readings,
/// whose names need quoting. Other days are before and after.
const FILL: &str = r#"
    INSERT INTO readings
    SELECT 'busy ' || n % 3, '2026-01-01'::timestamptz + n * interval '1 ms' * (CASE n % 3 WHEN 0 THEN 1 ELSE 480 END), n, 0, 1, 0, n
    FROM generate_series(0, 179999) AS n;
    INSERT INTO readings
    SELECT format('%s "q" ''a'' {n,u} \ ü%s', n / 3, n / 3), '2025-12-31 18:00:00+00'::timestamptz + n % 3 * interval '12 hours', n, 0, 1, 0, 1000000 + n
    FROM generate_series(0, 4499) AS n;
    INSERT INTO readings SELECT 'elsewhere ' || n, '2026-01-03', n, 0, 1, 0, 2000000 + n FROM generate_series(0, 99) AS n;
    INSERT INTO readings VALUES ('', '2026-01-01', 1, 0, 1, 0, 3000000), ('', '2026-01-01 23:59:59.999999+00', 1, 0, 1, 0, 3000001),
        ('', '2026-01-02', 1, 0, 1, 0, 3000002), ('', '2025-12-31 23:59:59.999999+00', 1, 0, 1, 0, 3000003);
    INSERT INTO day_changes (model, day) VALUES ('readings', '2026-01-01')"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slices_follow_each_other_in_the_order_of_the_key() -> anyhow::Result<()> {
    let world = World::new().await?;
    world.sql.batch_execute(FILL).await?;
    let wanted = world
        .sql
        .query(
            r#"SELECT sensor, "offset" FROM readings WHERE "timestamp" >= '2026-01-01+00' AND "timestamp" < '2026-01-02+00' ORDER BY sensor, "timestamp""#,
            &[],
        )
        .await?;
    let dumps = Dumps::of(world.store()?, &[Format::Json, Format::Parquet])?;
    dumps.one("readings", DAY).await?;
    let mut text = String::new();
    let file = dumps.folder.path().join("readings/json/dt=2026-01-01/part-00000.json.gz");
    GzDecoder::new(std::fs::File::open(file)?).read_to_string(&mut text)?;
    assert_eq!((text.lines().count(), wanted.len()), (183_002, 183_002));
    for (line, row) in text.lines().zip(&wanted) {
        let given: Value = serde_json::from_str(line)?;
        let (sensor, offset): (&str, i64) = (row.try_get("sensor")?, row.try_get("offset")?);
        assert_eq!((&given["sensor"], &given["offset"]), (&sensor.into(), &offset.into()));
    }
    assert_eq!(dumps.verified("readings", DAY).await?, Found::Equal);
    // For any division into slices the bytes are the same.
    let before = dumps.manifest("readings", DAY).await?;
    dumps.one("readings", DAY).await?;
    assert_eq!(dumps.manifest("readings", DAY).await?, before);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_connections_see_the_same_moment() -> anyhow::Result<()> {
    let world = World::new().await?;
    let store = world.store()?;
    let connection = store.connect().await?;
    let mut snapshot = Snapshot::begin(connection.client()).await?;
    world
        .sql
        .batch_execute("INSERT INTO readings VALUES ('late', '2026-01-01', 1, 0, 1, 0, 1)")
        .await?;
    snapshot.begin_second(store.connect().await?).await?;
    let mut seen = Vec::new();
    for client in snapshot.clients() {
        seen.push(
            client.query_one("SELECT count(*) FROM readings", &[]).await?.try_get::<_, i64>(0)?,
        );
    }
    assert_eq!(seen, [0, 0]);
    Ok(())
}

/// The lock and the first transaction need a connection each. The second transaction only makes the
/// dump faster.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_third_connection_one_reads_all_rows() -> anyhow::Result<()> {
    let world = World::new().await?;
    world.sql.batch_execute(FILL).await?;
    let dumps = Dumps::of(world.store()?, &[Format::Parquet])?;
    dumps.one("readings", DAY).await?;
    world
        .sql
        .batch_execute(
            "CREATE ROLE two_connections LOGIN PASSWORD 'two' CONNECTION LIMIT 2;
            GRANT USAGE ON SCHEMA public TO two_connections; GRANT ALL ON ALL TABLES IN SCHEMA public TO two_connections",
        )
        .await?;
    let url = world.database.url();
    let at = url.find('@').context("a URL with a password")?;
    let url = format!("postgresql://two_connections:two{}", &url[at..]);
    let limited = Dumps::of(Store::new(&DatabaseConfig::from_url(&url))?, &[Format::Parquet])?;
    limited.one("readings", DAY).await?;
    assert_eq!(
        limited.manifest("readings", DAY).await?.files,
        dumps.manifest("readings", DAY).await?.files
    );
    world.sql.batch_execute("DROP OWNED BY two_connections; DROP ROLE two_connections").await?;
    Ok(())
}
