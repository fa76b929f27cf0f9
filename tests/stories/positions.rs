//! Settled offsets, gaps, and the start of a stream. Acknowledged records are on disk.

use std::time::{Duration, Instant};

use weir_blob::Format;
use weir_dump::Which;
use weir_model::KafkaBatch;
use weir_store::{
    OpenedGap, ReadRange, Report, gaps,
    positions::{self, Assigned, StoredPosition},
    reset::begin_epoch,
    retention::{Guard, drop_months},
    retry,
};
use weir_testkit::Record;
use weir_tests::{
    BATCH_TIME, World,
    batches::{event, orders, record},
    tables,
    time_travel::{age, instant},
};

fn range(first: i64, end: i64) -> ReadRange {
    ReadRange { topic: "orders".into(), partition: 0, first, end }
}

/// Writes records as the poller does, with the range that was read.
async fn read(world: &World, records: Vec<Record>, first: i64, end: i64) -> anyhow::Result<Report> {
    let batch = KafkaBatch::parse(&event(records).to_bytes())?;
    Ok(world.writer.write_read(&batch, &[range(first, end)], BATCH_TIME).await?)
}

/// Returns the gaps that `GET /healthz` names.
async fn open_gaps(world: &World) -> anyhow::Result<Vec<OpenedGap>> {
    world
        .sql
        .query(gaps::OPEN, &[&10_i64])
        .await?
        .iter()
        .map(|row| Ok(gaps::of_row(row)?))
        .collect()
}

async fn gap_rows(world: &World) -> anyhow::Result<Vec<String>> {
    tables::column(
        &world.sql,
        "SELECT first_offset || '..' || end_offset FROM stream_gaps ORDER BY first_offset",
    )
    .await
}

async fn assign(world: &World, low: i64, begin: i64) -> anyhow::Result<StoredPosition> {
    let wanted = Assigned { topic: "orders".into(), partition: 0, low, begin };
    Ok(positions::assign(&world.writer, &[wanted]).await?.remove(0))
}

#[tokio::test]
async fn transactions_of_one_record_leave_no_gap() -> anyhow::Result<()> {
    let world = World::new().await?;
    assign(&world, 0, 0).await?;
    // Offset 0, a marker, offset 2, a marker, and so on. The last marker comes alone.
    for n in 0..20 {
        assert_eq!(
            read(&world, orders([2 * n]), 2 * n - i64::from(n > 0), 2 * n + 1).await?.gaps,
            []
        );
    }
    let settled = read(&world, vec![], 39, 40).await?;
    assert_eq!((settled.around_consume, settled.gaps.len()), (0, 0));
    assert_eq!(gap_rows(&world).await?, Vec::<String>::new());
    assert_eq!(world.count("SELECT next_offset FROM stream_partitions").await?, 40);
    assert_eq!(world.count("SELECT count(*) FROM events").await?, 20);
    Ok(())
}

#[tokio::test]
async fn a_batch_that_begins_too_late_is_named_and_closed_by_reading_again() -> anyhow::Result<()> {
    let world = World::new().await?;
    assign(&world, 0, 0).await?;
    read(&world, orders(0..10), 0, 10).await?;
    let late = read(&world, orders(15..20), 15, 20).await?;
    let gap = OpenedGap { topic: "orders".into(), partition: 0, first: 10, end: 15 };
    assert_eq!(late.gaps, std::slice::from_ref(&gap));
    assert_eq!(open_gaps(&world).await?, [gap]);
    assert_eq!(assign(&world, 0, 0).await?.wanted(), 10);
    assert_eq!(assign(&world, 12, 12).await?.wanted(), 10, "a part of it is there");
    assert_eq!(assign(&world, 15, 15).await?.wanted(), 20, "the broker has nothing of it");
    // 13 and 14 are markers.
    let again =
        read(&world, orders(10..13).into_iter().chain(orders([15])).collect(), 10, 16).await?;
    assert_eq!(
        (again.event_acknowledged, again.event_already_consumed, again.gaps.len()),
        (3, 1, 0)
    );
    assert_eq!(gap_rows(&world).await?, Vec::<String>::new());
    assert_eq!(open_gaps(&world).await?, []);
    Ok(())
}

#[tokio::test]
async fn where_a_stream_begins_is_noted_once() -> anyhow::Result<()> {
    let world = World::new().await?;
    let begun = StoredPosition { next_offset: 0, begin_offset: 50, first_gap: None };
    assert_eq!(assign(&world, 50, 50).await?, begun);
    assert_eq!(assign(&world, 70, 70).await?, begun, "what retention took since is a loss");
    assert_eq!(read(&world, orders(50..60), 50, 60).await?.gaps, []);
    assert_eq!(open_gaps(&world).await?, []);
    // Records before the start are stored nevertheless.
    assert_eq!(read(&world, orders(40..45), 40, 45).await?.event_acknowledged, 5);
    Ok(())
}

/// A mapping does not ask the broker: the first batch defines where the stream begins. After a
/// topic was recreated, it defines nothing.
#[tokio::test]
async fn a_mapping_begins_where_its_first_batch_does() -> anyhow::Result<()> {
    let world = World::new().await?;
    assert_eq!(world.deliver(event(orders(30..40))).await?.gaps, []);
    assert_eq!(open_gaps(&world).await?, []);
    assert_eq!(world.deliver(event(orders(45..50))).await?.gaps.len(), 1);
    begin_epoch(world.writer.store(), "weir", "orders").await?;
    let report = world.deliver(event(orders(20..25))).await?;
    assert_eq!(
        report.gaps,
        [OpenedGap { topic: "orders".into(), partition: 0, first: 0, end: 20 }]
    );
    Ok(())
}

/// A stream of a release that did not store its start.
#[tokio::test]
async fn an_older_stream_begins_where_its_first_gap_ends() -> anyhow::Result<()> {
    let world = World::new().await?;
    world.deliver(event(orders(30..40))).await?;
    world.sql.execute("UPDATE stream_partitions SET begin_offset = NULL", &[]).await?;
    assert_eq!(assign(&world, 10, 10).await?.begin_offset, 10, "the broker has a part of it");
    world.sql.execute("UPDATE stream_partitions SET begin_offset = NULL", &[]).await?;
    assert_eq!(assign(&world, 35, 35).await?.begin_offset, 30);
    Ok(())
}

#[tokio::test]
async fn a_million_gaps_slow_no_batch_down() -> anyhow::Result<()> {
    let world = World::new().await?;
    assign(&world, 0, 0).await?;
    let took = async |first: i64| -> anyhow::Result<Duration> {
        let mut fastest = Duration::MAX;
        for n in 0..5 {
            let begun = Instant::now();
            let first = first + 10 * n;
            world.deliver(event(orders(first..first + 10))).await?;
            fastest = fastest.min(begun.elapsed());
        }
        Ok(fastest)
    };
    read(&world, vec![], 0, 10_000_000).await?;
    let without = took(10_000_000).await?;
    let fill = "INSERT INTO stream_gaps (stream, partition, first_offset, end_offset) SELECT 1, 0, 10 * n, 10 * n + 3 FROM generate_series(0, 999999) n; ANALYZE stream_gaps";
    world.sql.batch_execute(fill).await?;
    let with = took(10_000_050).await?;
    // The first gap, and one in the middle, which is the farthest from both ends.
    let (first, middle) = (took(0).await?, took(5_000_000).await?);
    let limit = 3 * without + Duration::from_millis(50);
    assert!(
        with < limit && first < limit && middle < limit,
        "without {without:?}, with {with:?}, first {first:?}, middle {middle:?}"
    );
    assert_eq!(
        world.count("SELECT count(*) FROM stream_gaps WHERE first_offset < 50").await?,
        0,
        "they were closed"
    );
    Ok(())
}

/// Records for each commit to each table the setting of its transaction.
const WATCH: &str = "CREATE TABLE commits (made_by text, setting text);
    CREATE FUNCTION note_commit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO commits VALUES (TG_TABLE_NAME, current_setting('synchronous_commit'));
        RETURN NULL;
    END $$;
    DO $$ DECLARE t record; BEGIN
        FOR t IN SELECT c.oid::regclass AS name FROM pg_class c
            WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname <> 'commits'
        LOOP
            EXECUTE format('CREATE CONSTRAINT TRIGGER note_commit AFTER INSERT OR UPDATE OR DELETE ON %s DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION note_commit()', t.name);
        END LOOP;
    END $$";

/// Runs every transaction whose success a client sees, on a database with this setting. Returns the
/// settings of their commits.
async fn settings_of_commits(setting: &str) -> anyhow::Result<Vec<String>> {
    let world = World::new().await?;
    world.sql.batch_execute(WATCH).await?;
    let set = format!(
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = {setting}', current_database()); END $$"
    );
    world.sql.batch_execute(&set).await?;
    let writer = weir_tests::writer_on(&world.database.url())?;
    let deliver = async |records| weir_tests::deliver(&writer, event(records)).await;
    deliver(orders(0..5)).await?;
    // A failure, and a batch that is split in halves.
    deliver(vec![record("orders", 0, 5, "no JSON"), record("orders", 0, 6, "no JSON")]).await?;
    let place = retry::RecordCoordinates { stream: 1, partition: 0, offset: 5 };
    retry::failure(&writer, place).await?;
    retry::discard(writer.store(), place).await?;
    retry::event(&writer, retry::RecordCoordinates { offset: 0, ..place }).await?;
    weir_store::replay::model(
        &writer,
        "events",
        &weir_store::replay::Selection::default(),
        &|_, _| {},
    )
    .await?;
    let (stricter, dumps) = (
        setting == "remote_apply",
        weir_tests::dumps::Dumps::of(writer.store().clone(), &[Format::Json])?,
    );
    dumps.run(Which::Day(weir_tests::dumps::day("2026-01-01")?), "2026-01-02").await?;
    weir_dump::housekeeping(writer.store()).await?;
    // The test's own connection is not checked.
    world
        .sql
        .batch_execute(if stricter {
            "SET synchronous_commit = remote_apply"
        } else {
            "SET synchronous_commit = on"
        })
        .await?;
    age(&world.sql, "\"offset\" < 3", 2024, 5).await?;
    drop_months(writer.store(), instant("2025-01-01T00:00:00Z")?, &Guard::Nothing, &|_| {}).await?;
    positions::assign(
        &writer,
        &[Assigned { topic: "readings".into(), partition: 3, low: 0, begin: 0 }],
    )
    .await?;
    begin_epoch(writer.store(), "weir", "orders").await?;
    let made_by = tables::column(
        &world.sql,
        "SELECT DISTINCT made_by FROM commits WHERE made_by NOT LIKE 'events%' ORDER BY 1",
    )
    .await?;
    for table in
        ["day_changes", "dumps", "event_removals", "failures", "stream_partitions", "streams"]
    {
        assert!(made_by.contains(&table.to_owned()), "nothing was written to {table}: {made_by:?}");
    }
    // The rows of locks do not matter: they are created again when they are missing.
    tables::column(&world.sql, "SELECT DISTINCT setting FROM commits WHERE made_by <> 'dump_locks'")
        .await
}

#[tokio::test]
async fn what_is_said_to_be_stored_is_on_disk() -> anyhow::Result<()> {
    assert_eq!(settings_of_commits("off").await?, ["on"]);
    assert_eq!(settings_of_commits("remote_write").await?, ["on"]);
    assert_eq!(
        settings_of_commits("remote_apply").await?,
        ["remote_apply"],
        "what is stricter stays"
    );
    Ok(())
}
