//! A day whose rows changed is dumped again by the next run, for any order of commit, dump, retry,
//! replay and restore.

use weir_blob::{BlobUrl, Format};
use weir_dump::{Found, Handler, Scheduled, Which, restore};
use weir_model::models;
use weir_store::{
    event_id::EventId,
    replay::{self, Selection},
    retention::Keep,
    retry,
};
use weir_testkit::Record;
use weir_tests::{
    World,
    batches::{event, orders, readings, record},
    dumps::{Dumps, day},
    reading,
    time_travel::{age, instant},
};

pub(super) const DAY: &str = "2026-01-01";
pub(super) const NEXT: &str = "2026-01-02";

pub(super) async fn world() -> anyhow::Result<(World, Dumps)> {
    let world = World::new().await?;
    let dumps = Dumps::of(world.store()?, &[Format::Json])?;
    Ok((world, dumps))
}

pub(super) fn late(offset: i64) -> Record {
    record("readings", 0, offset, reading("late", 1.0, "2026-01-01T12:00:00Z"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_run_puts_a_late_day_right() -> anyhow::Result<()> {
    let (world, dumps) = world().await?;
    world.deliver(event(readings(0..10))).await?;
    assert_eq!(dumps.standing("readings", DAY).await?, "missing");
    let mut done = dumps.run(Which::Daily, NEXT).await?;
    done.sort();
    assert_eq!(
        done,
        [
            "builds 2026-01-01 0",
            "cdevents 2026-01-01 0",
            "events 2026-01-01 0",
            "readings 2026-01-01 10"
        ]
    );
    assert_eq!(dumps.standing("readings", DAY).await?, "dumped");
    assert_eq!(world.count("SELECT count(*) FROM day_changes WHERE model = 'readings'").await?, 0);
    // The next morning only the new day is dumped.
    assert!(!dumps.run(Which::Daily, "2026-01-03").await?.iter().any(|d| d.contains(DAY)));
    world.deliver(event([late(10)])).await?;
    assert_eq!(dumps.standing("readings", DAY).await?, "stale");
    assert_eq!(dumps.verified("readings", DAY).await?, Found::Stale);
    assert!(
        dumps.run(Which::Daily, "2026-01-04").await?.contains(&"readings 2026-01-01 11".to_owned())
    );
    assert_eq!(
        (dumps.standing("readings", DAY).await?, dumps.verified("readings", DAY).await?),
        ("dumped", Found::Equal)
    );
    Ok(())
}

/// The batch began before the dump and commits after it. Neither a clock nor a sequence would
/// detect this.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_is_open_during_the_dump() -> anyhow::Result<()> {
    let (world, dumps) = world().await?;
    world.deliver(event(readings(0..10))).await?;
    let open = world.database.client().await?;
    open.batch_execute(
        "BEGIN; INSERT INTO day_changes (model, day) VALUES ('readings', '2026-01-01');
         INSERT INTO readings VALUES ('late', '2026-01-01 12:00:00+00', 1, 0, 1, 0, 100)",
    )
    .await?;
    // Other transactions begin and commit meanwhile, so that this transaction's id is older than
    // the dump's snapshot.
    world.deliver(event(readings(10..12))).await?;
    dumps.one("readings", DAY).await?;
    assert_eq!(dumps.manifest("readings", DAY).await?.rows, 12);
    assert_eq!(dumps.standing("readings", DAY).await?, "dumped");
    open.batch_execute("COMMIT").await?;
    assert_eq!(dumps.standing("readings", DAY).await?, "stale");
    assert!(dumps.run(Which::Daily, NEXT).await?.contains(&"readings 2026-01-01 13".to_owned()));
    assert_eq!(
        (dumps.standing("readings", DAY).await?, dumps.verified("readings", DAY).await?),
        ("dumped", Found::Equal)
    );
    // A transaction that rolls back leaves no mark.
    open.batch_execute(
        "BEGIN; INSERT INTO day_changes (model, day) VALUES ('readings', '2026-01-01'); ROLLBACK",
    )
    .await?;
    assert_eq!(dumps.standing("readings", DAY).await?, "dumped");
    Ok(())
}

/// The same with a dump to another destination in between, and with a compaction of the changes
/// while the batch is open.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_destinations_and_a_compaction_forget_nothing() -> anyhow::Result<()> {
    let (world, here) = world().await?;
    let there = Dumps::of(world.store()?, &[Format::Parquet])?;
    world.deliver(event(readings(0..10))).await?;
    here.one("readings", DAY).await?;
    // There the day is known to be missing, although nothing has changed since.
    assert_eq!(
        (here.standing("readings", DAY).await?, there.standing("readings", DAY).await?),
        ("dumped", "missing")
    );
    there.one("readings", DAY).await?;
    world.deliver(event([late(10)])).await?;
    // One destination removes the change, but the other one still knows it.
    there.one("readings", DAY).await?;
    assert_eq!(world.count("SELECT count(*) FROM day_changes WHERE model = 'readings'").await?, 0);
    assert_eq!(
        (here.standing("readings", DAY).await?, there.standing("readings", DAY).await?),
        ("stale", "dumped")
    );

    let open = world.database.client().await?;
    let insert = "INSERT INTO readings VALUES ('later', '2026-01-01 13:00:00+00', 1, 0, 1, 0, 100)";
    open.batch_execute(&format!(
        "BEGIN; INSERT INTO day_changes (model, day) VALUES ('readings', '2026-01-01'); {insert}"
    ))
    .await?;
    here.one("readings", DAY).await?;
    for n in 0..5 {
        world.deliver(event([late(11 + n)])).await?;
        weir_dump::compact_changes(&world.sql).await?;
    }
    open.batch_execute("COMMIT").await?;
    weir_dump::compact_changes(&world.sql).await?;
    weir_dump::compact_changes(&world.sql).await?;
    assert_eq!(world.count("SELECT count(*) FROM day_changes WHERE model = 'readings'").await?, 1);
    for dumps in [&here, &there] {
        assert_eq!(dumps.standing("readings", DAY).await?, "stale");
        dumps.run(Which::Daily, NEXT).await?;
        assert_eq!(
            (dumps.standing("readings", DAY).await?, dumps.verified("readings", DAY).await?),
            ("dumped", Found::Equal)
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dump_that_was_broken_off_counts_as_none() -> anyhow::Result<()> {
    let (world, dumps) = world().await?;
    world.deliver(event(readings(0..10))).await?;
    dumps.one("readings", DAY).await?;
    // The state after a killed run: the note of step 1, and half of the folder.
    world.sql.batch_execute("UPDATE dumps SET snapshot = NULL").await?;
    let at = |name: &str| dumps.folder.path().join(name);
    let manifest = at("_manifests/readings/dt=2026-01-01.json");
    std::fs::remove_file(&manifest)?;
    std::fs::write(at("readings/json/dt=2026-01-01/part-00000.json.gz#1"), "half")?;
    std::fs::create_dir_all(at("readings/parquet/dt=2026-01-01"))?;
    let other = at("readings/parquet/dt=2026-01-01/part-00000.parquet");
    std::fs::write(other, "of a run with other formats")?;
    assert_eq!(dumps.standing("readings", DAY).await?, "missing");
    assert!(
        dumps.run(Which::Daily, "2026-01-05").await?.contains(&"readings 2026-01-01 10".to_owned())
    );
    let files: Vec<String> = dumps
        .files()?
        .into_iter()
        .filter(|f| f.contains("dt=2026-01-01") && f.contains("readings"))
        .collect();
    assert_eq!(
        files,
        [
            "_manifests/readings/dt=2026-01-01.json",
            "readings/json/dt=2026-01-01/part-00000.json.gz"
        ]
    );
    // The manifest was deleted, or another database's dumps were copied here.
    std::fs::remove_file(&manifest)?;
    assert_eq!(dumps.standing("readings", DAY).await?, "missing");
    world.sql.batch_execute("DELETE FROM dumps; DELETE FROM day_changes").await?;
    std::fs::write(&manifest, "{}")?;
    assert_eq!(dumps.standing("readings", DAY).await?, "stale");
    Ok(())
}

/// A snapshot of a database whose transaction ids are higher: a restored backup.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_of_the_future_counts_as_none() -> anyhow::Result<()> {
    let (world, dumps) = world().await?;
    world.deliver(event(readings(0..10))).await?;
    dumps.one("readings", DAY).await?;
    world.sql.batch_execute("UPDATE dumps SET snapshot = '4000000000:4000000000:'").await?;
    assert_eq!(dumps.standing("readings", DAY).await?, "stale");
    Ok(())
}

/// Everything that writes rows marks their days: a retried failure, a replay, a rebuild with fewer
/// rows, a skip that becomes an event, a restore.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_writes_marks() -> anyhow::Result<()> {
    let (world, dumps) = world().await?;
    let dumped = async |model: &'static str, text: &str| -> anyhow::Result<()> {
        dumps.one(model, text).await?;
        assert_eq!(dumps.standing(model, text).await?, "dumped");
        Ok(())
    };
    let bad = record(
        "readings",
        0,
        20,
        r#"{"sensor":"SPEED","value":1,"timestamp":"2026-01-01T01:00:00Z"}"#,
    );
    world.deliver(event(readings(0..10).into_iter().chain([bad]).chain(orders(0..3)))).await?;
    let today: String = world
        .sql
        .query_one("SELECT (now() AT TIME ZONE 'UTC')::date::text", &[])
        .await?
        .try_get(0)?;
    assert_eq!(dumps.standing("events", &today).await?, "missing");

    dumped("readings", DAY).await?;
    dumped("events", &today).await?;
    let good = r#"{"sensor":"mended","value":1,"timestamp":"2026-01-01T01:00:00Z"}"#;
    world.sql.execute("UPDATE failures SET value = convert_to($1, 'UTF8')", &[&good]).await?;
    let place = |id: &str| {
        let id: EventId = id.parse().expect("an id");
        id
    };
    let failure =
        retry::place_of(world.writer.store(), &place("readings-0-20")).await?.expect("a place");
    assert_eq!(retry::failure(&world.writer, failure).await?, retry::Retried::Acknowledged);
    assert_eq!(
        (dumps.standing("readings", DAY).await?, dumps.standing("events", &today).await?),
        ("stale", "stale"),
        "a retried failure"
    );

    dumped("readings", DAY).await?;
    let one =
        retry::place_of(world.writer.store(), &place("readings-0-3")).await?.expect("a place");
    retry::event(&world.writer, one).await?;
    assert_eq!(dumps.standing("readings", DAY).await?, "stale", "a retried event");

    dumped("readings", DAY).await?;
    let all = Selection { topic: Some("readings".into()), from: None };
    replay::model(&world.writer, "readings", &all, &|_, _| {}).await?;
    assert_eq!(dumps.standing("readings", DAY).await?, "stale", "a replay");

    // No record of the log gives this row. The rebuild removes it, and with it all rows of its day.
    world
        .sql
        .batch_execute(
            "INSERT INTO readings VALUES ('ghost', '2025-05-05 00:00:00+00', 1, 0, 1, 0, 100)",
        )
        .await?;
    dumped("readings", "2025-05-05").await?;
    replay::model(&world.writer, "readings", &Selection::default(), &|_, _| {}).await?;
    assert_eq!(world.count("SELECT count(*) FROM readings WHERE sensor = 'ghost'").await?, 0);
    assert_eq!(dumps.standing("readings", "2025-05-05").await?, "stale", "a rebuild");

    // An old skipped record becomes an event, which changes the day of its arrival.
    world.sql.batch_execute("UPDATE event_records SET reason = 'was unknown' WHERE stream = (SELECT id FROM streams WHERE topic = 'orders') AND \"offset\" = 1").await?;
    age(&world.sql, "reason IS NOT NULL", 2024, 5).await?;
    dumped("events", "2024-05-04").await?;
    assert_eq!(dumps.manifest("events", "2024-05-04").await?.rows, 1);
    replay::model(&world.writer, "events", &Selection::default(), &|_, _| {}).await?;
    assert_eq!(
        dumps.standing("events", "2024-05-04").await?,
        "stale",
        "a skip that became an event"
    );

    let other = World::new().await?;
    let there = Dumps::of(other.store()?, &[Format::Json])?;
    there.one("readings", DAY).await?;
    dumped("readings", DAY).await?;
    restore(
        &other.store()?,
        &models::builtin(),
        &dumps.dumper.blobs,
        "readings",
        day(DAY)?,
        &|_, _| {},
    )
    .await?;
    assert_eq!(there.standing("readings", DAY).await?, "stale", "a restore");
    Ok(())
}

/// Two runs dump the same day to the same location at once. The second run waits, and both leave
/// the same files.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_runs_at_once() -> anyhow::Result<()> {
    let (world, dumps) = world().await?;
    world.deliver(event(readings(0..500))).await?;
    let other = Dumps { folder: tempfile::tempdir()?, dumper: dumps.dumper.clone() };
    let url = BlobUrl::File(dumps.folder.path().to_owned());
    assert_eq!(other.dumper.blobs.url(), &url);
    for round in 0..10 {
        world.deliver(event(readings(500 + round..501 + round))).await?;
        let (a, b) = tokio::join!(dumps.one("readings", DAY), other.one("readings", DAY));
        a?;
        b?;
        assert_eq!(
            (dumps.standing("readings", DAY).await?, dumps.verified("readings", DAY).await?),
            ("dumped", Found::Equal)
        );
    }
    Ok(())
}

/// Ingest continues while days are dumped repeatedly. At the end, and whenever a day counts as
/// dumped, files and table agree.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dumps_while_ingest_goes_on() -> anyhow::Result<()> {
    let (world, dumps) = world().await?;
    world.deliver(event(readings(0..50))).await?;
    let writer = world.writer.clone();
    let ingest = tokio::spawn(async move {
        for n in 0..60 {
            weir_tests::deliver(&writer, event(readings(50 + n * 5..55 + n * 5))).await?;
        }
        Ok::<_, weir_store::StoreError>(())
    });
    while !ingest.is_finished() {
        dumps.one("readings", DAY).await?;
        // An error here is a day that differs although it counts as dumped.
        dumps.verified("readings", DAY).await?;
    }
    ingest.await??;
    dumps.run(Which::Daily, NEXT).await?;
    assert_eq!(
        (dumps.standing("readings", DAY).await?, dumps.verified("readings", DAY).await?),
        ("dumped", Found::Equal)
    );
    assert_eq!(dumps.manifest("readings", DAY).await?.rows, 350);
    Ok(())
}

/// The job uses the schedule's time, not the clock. It refuses an invalid event, creates months,
/// and compacts the changes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_daily_job_goes_by_the_schedules_time() -> anyhow::Result<()> {
    let (world, dumps) = world().await?;
    world.deliver(event(readings(0..10))).await?;
    world.deliver(event(readings(10..20))).await?;
    let handler = Handler::new(dumps.dumper.clone());
    let scheduled = |json: serde_json::Value| serde_json::from_value::<Scheduled>(json);
    let (now, time) = (instant("2026-11-21T06:00:00Z")?, std::time::Duration::from_mins(10));
    let answer = handler
        .handle(
            &scheduled(serde_json::json!({"scheduled_time": "2026-01-02T06:00:00Z"}))?,
            &Keep::of_log(400),
            now,
            time,
        )
        .await?;
    assert!(answer.dumped.contains(&"readings 2026-01-01".to_owned()), "{answer:?}");
    assert_eq!((answer.rows, answer.left), (20, 0));
    for wrong in [
        serde_json::json!({"scheduled_time": "<aws.scheduler.scheduled-time>"}),
        serde_json::json!({"time": "2026-01-02T06:00:00Z", "dump_date": "2026-01-02"}),
        serde_json::json!({"time": "2026-01-02T06:00:00Z", "from": "2026-01-01"}),
    ] {
        assert!(
            handler
                .handle(&scheduled(wrong.clone())?, &Keep::of_log(400), now, time)
                .await
                .is_err(),
            "{wrong}"
        );
    }
    assert!(
        scheduled(serde_json::json!({"time": "2026-01-02T06:00:00Z", "dump_date": "2025-02-30"}))
            .is_err()
    );
    // Without time left nothing is begun, so nothing is left half done.
    world.deliver(event([late(20)])).await?;
    let hurried = handler
        .handle(
            &scheduled(serde_json::json!({"time": "2026-01-03T06:00:00Z"}))?,
            &Keep::of_log(400),
            now,
            std::time::Duration::ZERO,
        )
        .await?;
    assert!(hurried.left > 0 && hurried.dumped.is_empty(), "{hurried:?}");
    assert_eq!(dumps.standing("readings", DAY).await?, "stale");
    Ok(())
}
