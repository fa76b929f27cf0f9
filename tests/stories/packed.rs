//! Packed rows of the log: many records in one row, which look like any others.

use std::time::Duration;

use anyhow::Context;
use tokio::time::Instant;
use weir_model::TopicsConfig;
use weir_store::{
    StoreError, Writer,
    packing::{Packed, pack_closed_hours},
    replay::{self, Selection},
    retry::{self, Retried, place_of},
};
use weir_testkit::{Field, Record};
use weir_tests::{
    World,
    batches::{event, readings, record},
    deliver,
    dumps::{Dumps, FORMATS},
    tables,
    time_travel::age,
    topics_config,
};

/// How many records are in packed rows.
const IN_PACKED: &str = "SELECT coalesce(sum(records), 0)::bigint FROM packed_events";

fn writer(world: &World, fields: &str) -> anyhow::Result<Writer> {
    world.writer_with(&TopicsConfig {
        topics: "+jobs=events".parse()?,
        event_fields: vec![fields.parse()?],
        ..topics_config()?
    })
}

fn plain_writer(world: &World) -> anyhow::Result<Writer> {
    writer(world, "jobs=event_type:/kind,entity_id:/id,event_time:/at")
}

/// Returns a record of a partition. Every value that a record can have differs now and then.
fn job(partition: i32, offset: i64) -> Record {
    let kind = if offset % 10 == 3 { "sent" } else { "made" };
    let value = format!(
        r#"{{"id":"j{}","kind":"{kind}","n":{offset},"at":"2026-03-01T10:{:02}:{:02}Z"}}"#,
        offset % 7,
        offset / 60 % 60,
        offset % 60
    );
    let key = if offset % 5 == 0 { Field::Null } else { format!("k{}", offset % 3).into() };
    Record {
        key,
        partition,
        timestamp: 1_700_000_000_000 + offset,
        ..record("jobs", 0, offset, value)
    }
}

/// Stores one record of each type, so that the types of the next batches have numbers.
async fn types_are_known(writer: &Writer) -> anyhow::Result<()> {
    deliver(writer, event([job(9, 3), job(9, 4)])).await?;
    Ok(())
}

/// Stores 600 records of three partitions in batches that are too small for packed rows.
async fn narrow_rows(writer: &Writer) -> anyhow::Result<()> {
    types_are_known(writer).await?;
    for from in (0..200).step_by(20) {
        let partitions = (0..3).flat_map(|p| (from..from + 20).map(move |offset| job(p, offset)));
        deliver(writer, event(partitions)).await?;
    }
    Ok(())
}

async fn events(world: &World) -> anyhow::Result<Vec<String>> {
    tables::rows(&world.sql, "events").await
}

/// Moves the arrival of all narrow rows into a closed hour.
async fn close_hours(world: &World) -> anyhow::Result<()> {
    world
        .sql
        .batch_execute(
            "SELECT make_event_month(now() - interval '3 hours');
             UPDATE event_records SET arrived_at = arrived_at - interval '2 hours';
             DELETE FROM packing",
        )
        .await?;
    Ok(())
}

async fn pack(world: &World) -> anyhow::Result<Packed> {
    Ok(pack_closed_hours(&world.store()?, Instant::now() + Duration::from_mins(1)).await?)
}

#[tokio::test]
async fn a_long_run_is_packed_and_looks_like_narrow_rows() -> anyhow::Result<()> {
    let (world, narrow) = (World::new().await?, World::new().await?);
    let (writer, other) = (plain_writer(&world)?, plain_writer(&narrow)?);
    types_are_known(&writer).await?;
    types_are_known(&other).await?;
    let run = |from: i64, to: i64| (from..to).map(|offset| job(1, offset));
    deliver(&writer, event(run(0, 230).chain((0..40).map(|n| job(2, n * 3))))).await?;
    // Batches of up to 20 records are narrow rows.
    for from in (0..230).step_by(20) {
        deliver(&other, event(run(from, (from + 20).min(230)))).await?;
    }
    for from in (0..40).step_by(20) {
        deliver(&other, event((from..from + 20).map(|n| job(2, n * 3)))).await?;
    }
    assert_eq!(narrow.count(IN_PACKED).await?, 0);
    // Of partition 1: 207 of type made in three rows, the last with 7 narrow, and 23 of type sent,
    // which are too few. Of partition 2: 36 of type made, with holes between the offsets.
    assert_eq!(world.count(IN_PACKED).await?, 200 + 36);
    for table in ["events", "api.events"] {
        assert_eq!(tables::timeless(&world.sql, table).await?.len(), 272, "{table}");
    }
    let all =
        "SELECT (to_jsonb(e) - 'arrived_at')::text FROM events e ORDER BY partition, \"offset\"";
    assert_eq!(tables::column(&world.sql, all).await?, tables::column(&narrow.sql, all).await?);
    for query in [
        "SELECT (to_jsonb(e) - 'arrived_at')::text FROM api.events_of('j3') e ORDER BY 1",
        "SELECT (to_jsonb(e) - 'arrived_at')::text FROM api.event_at('jobs', 2, 51) e",
        "SELECT (to_jsonb(e) - 'arrived_at')::text FROM api.event_at('jobs', 2, 52) e",
        "SELECT (to_jsonb(e) - 'arrived_at')::text FROM api.events_between('jobs', '2026-03-01T10:01:05Z', '2026-03-01T10:02:01Z') e ORDER BY 1",
        "SELECT (to_jsonb(e) - 'arrived_at')::text FROM api.events_arrived(now() - interval '1 hour', now()) e ORDER BY 1",
        "SELECT e.partition || ' ' || e.\"offset\" FROM api.newest_events('jobs', 37) WITH ORDINALITY AS e ORDER BY e.event_time DESC, e.partition DESC, e.\"offset\" DESC",
    ] {
        let found = tables::column(&world.sql, query).await?;
        assert_eq!(found, tables::column(&narrow.sql, query).await?, "{query}");
        assert_eq!(found.is_empty(), query.contains(" 52)"), "{query}");
    }
    Ok(())
}

#[tokio::test]
async fn a_run_is_cut_at_each_limit_of_a_row() -> anyhow::Result<()> {
    let world = World::new().await?;
    let writer = plain_writer(&world)?;
    types_are_known(&writer).await?;
    let job = |partition: i32, offset: i64, hour: i64, length: usize| {
        let value = format!(
            r#"{{"id":"j","kind":"made","at":"2026-03-01T{hour:02}:00:00Z","text":"{}"}}"#,
            "x".repeat(length)
        );
        Record { timestamp: offset, ..record("jobs", partition, offset, value) }
    };
    let of_offsets = (0..80).map(|n| job(1, n + n / 40 * 5_000, 10, 1));
    let of_times = (0..80).map(|n| job(2, n, 10 + n / 40 * 2, 1));
    let of_bytes = (0..80).map(|n| job(3, n, 10, 4_000));
    let of_number = (0..230).map(|n| job(4, n, 10, 1));
    let report =
        deliver(&writer, event(of_offsets.chain(of_times).chain(of_bytes).chain(of_number)))
            .await?;
    assert_eq!((report.event_acknowledged, report.event_failed), (470, 0));
    let rows = "SELECT partition || ': ' || string_agg(records::text, ' ' ORDER BY first_offset) FROM packed_events GROUP BY partition ORDER BY 1";
    assert_eq!(
        tables::column(&world.sql, rows).await?,
        ["1: 40 40", "2: 40 40", "3: 17 17 17 17", "4: 100 100 30"]
    );
    assert_eq!(world.count("SELECT count(*) FROM events WHERE partition < 9").await?, 470);
    assert_eq!(world.count("SELECT count(*) FROM failures").await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_redelivery_finds_the_records_of_packed_rows() -> anyhow::Result<()> {
    let world = World::new().await?;
    let writer = plain_writer(&world)?;
    types_are_known(&writer).await?;
    let batch = |from: i64, to: i64| event((from..to).map(|offset| job(1, offset)));
    deliver(&writer, batch(100, 300)).await?;
    assert!(world.count(IN_PACKED).await? > 100);
    let before = events(&world).await?;
    let report = deliver(&writer, batch(50, 350)).await?;
    assert_eq!(
        (report.event_already_consumed, report.event_acknowledged),
        (200, 100),
        "the records before the gap and behind it are new"
    );
    let after = events(&world).await?;
    assert_eq!(after.len(), before.len() + 100);
    assert!(before.iter().all(|row| after.contains(row)));
    // The same offset with another value.
    let other = Record { value: "{}".into(), ..job(1, 222) };
    match deliver(&writer, event([other])).await {
        Err(StoreError::Contradiction { partition: 1, offset: 222, .. }) => {}
        other => anyhow::bail!("{other:?}"),
    }
    Ok(())
}

#[tokio::test]
async fn closed_hours_are_packed_and_nothing_else_changes() -> anyhow::Result<()> {
    let world = World::new().await?;
    let writer = plain_writer(&world)?;
    narrow_rows(&writer).await?;
    assert_eq!(pack(&world).await?, Packed::default(), "the hour is not closed");
    close_hours(&world).await?;
    let before = events(&world).await?;
    let day_changes = tables::rows(&world.sql, "day_changes").await?;
    let packed = pack(&world).await?;
    assert!(packed.records >= 590, "{packed:?}");
    assert_eq!(world.count(IN_PACKED).await?, i64::try_from(packed.records)?);
    assert_eq!(events(&world).await?, before);
    assert_eq!(tables::rows(&world.sql, "day_changes").await?, day_changes, "no dump is stale");
    assert!(world.count("SELECT count(arrivals) FROM packed_events").await? > 0);
    assert_eq!(pack(&world).await?.records, 0);
    // A redelivery still finds them.
    let report =
        deliver(&writer, event((0..3).flat_map(|p| (0..200).map(move |n| job(p, n))))).await?;
    assert_eq!(report.event_already_consumed, 600);
    assert_eq!(events(&world).await?, before);
    Ok(())
}

#[tokio::test]
async fn a_dump_of_packed_rows_has_the_same_bytes() -> anyhow::Result<()> {
    let world = World::new().await?;
    let writer = plain_writer(&world)?;
    narrow_rows(&writer).await?;
    // The same arrival for the two dumps of a day.
    age(&world.sql, "true", 2024, 5).await?;
    let dump = async || -> anyhow::Result<Vec<String>> {
        let dumps = Dumps::of(world.store()?, &FORMATS)?;
        dumps.one("events", "2024-05-04").await?;
        let manifest = dumps.manifest("events", "2024-05-04").await?;
        Ok(manifest.files.iter().map(|file| format!("{file:?}")).collect())
    };
    let narrow = dump().await?;
    assert!(pack(&world).await?.records >= 590);
    assert_eq!(dump().await?, narrow, "the manifest has the checksums of the files");
    assert_eq!(narrow.len(), FORMATS.len());
    Ok(())
}

#[tokio::test]
async fn packing_gives_way_to_a_batch() -> anyhow::Result<()> {
    let world = World::new().await?;
    let writer = plain_writer(&world)?;
    types_are_known(&writer).await?;
    for from in [0, 20] {
        deliver(&writer, event((from..from + 20).map(|offset| job(1, offset)))).await?;
    }
    close_hours(&world).await?;
    let other = world.database.client().await?;
    other.batch_execute("BEGIN; SELECT FROM stream_partitions FOR NO KEY UPDATE").await?;
    let before = events(&world).await?;
    let packed =
        pack_closed_hours(&world.store()?, Instant::now() + Duration::from_millis(300)).await?;
    assert_eq!(packed, Packed { left: true, ..Packed::default() }, "the partition is locked");
    other.batch_execute("COMMIT").await?;
    assert!(pack(&world).await?.records >= 36);
    assert_eq!(events(&world).await?, before);
    Ok(())
}

#[tokio::test]
async fn a_packed_skip_becomes_an_event_and_its_neighbours_stay() -> anyhow::Result<()> {
    let world = World::new().await?;
    let mistaken = |from: i64, to: i64| {
        readings(from..to).into_iter().map(|r| Record { topic: "build_events".into(), ..r })
    };
    world.deliver(event(mistaken(0, 1))).await?;
    assert_eq!(world.deliver(event(mistaken(1, 61))).await?.event_skipped, 60);
    assert_eq!(world.count(IN_PACKED).await?, 60);
    let config =
        TopicsConfig { topics: "build_events=readings".parse()?, ..TopicsConfig::default() };
    let right = world.writer_with(&config)?;
    let place = place_of(
        &world.store()?,
        &"build_events-0-30".parse().map_err(|()| anyhow::anyhow!("an id"))?,
    )
    .await?
    .context("a place")?;
    let others =
        "SELECT (to_jsonb(e))::text FROM events e WHERE \"offset\" <> 30 ORDER BY \"offset\"";
    let before = tables::column(&world.sql, others).await?;
    assert_eq!(retry::event(&right, place).await?, Retried::Acknowledged);
    assert_eq!(tables::column(&world.sql, others).await?, before);
    let now = "SELECT count(*) FROM events WHERE \"offset\" = 30 AND outcome = 'event' AND entity_id IS NOT NULL AND event_type = 'reading'";
    assert_eq!(world.count(now).await?, 1);
    assert_eq!(world.count("SELECT count(*) FROM readings").await?, 1);
    Ok(())
}

#[tokio::test]
async fn a_replay_reads_packed_rows_in_order_and_writes_new_findings() -> anyhow::Result<()> {
    let world = World::new().await?;
    // This configuration does not look at the time.
    let writer = self::writer(&world, "jobs=event_type:/kind,entity_id:/id")?;
    types_are_known(&writer).await?;
    let odd = |offset: i64| {
        let value = format!(r#"{{"id":"j{}","kind":"made","at":"soon"}}"#, offset % 4);
        Record { timestamp: 1_700_000_000_000 + offset, ..record("jobs", 1, offset, value) }
    };
    deliver(&writer, event((0..150).map(odd))).await?;
    assert!(world.count(IN_PACKED).await? >= 125);
    let writer = plain_writer(&world)?;
    let selection = Selection { topic: Some("jobs".to_owned()), ..Selection::default() };
    let replayed = replay::model(&writer, "events", &selection, &|_, _| {}).await?;
    assert_eq!(replayed.records, 152);
    let found = "SELECT count(*) FROM events WHERE partition = 1 AND problems LIKE 'event_time at /at is not a time%'";
    assert_eq!(world.count(found).await?, 150);
    assert_eq!(world.count("SELECT count(*) FROM events").await?, 152);
    Ok(())
}
