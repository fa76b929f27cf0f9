//! A projection is rebuilt from the log alone.

use std::sync::Arc;

use weir_plugin::daily_totals::DailyTotals;
use weir_store::{
    StoreError, Writer,
    replay::{self, Replayed, Selection},
    reset::begin_epoch,
    retention,
};
use weir_testkit::Record;
use weir_tests::{
    World,
    batches::{build, event, readings, record},
    deliver,
    dice::Dice,
    reading, tables,
    time_travel::{age, instant},
    topics_config,
    traffic::Traffic,
};

use crate::ledger::{Ledger, UNBALANCED, with_plugins};

async fn replay(
    writer: &Writer,
    model: &str,
    selection: Selection,
) -> Result<Replayed, StoreError> {
    replay::model(writer, model, &selection, &|_, _| ()).await
}

/// Creates a database with many ties, two epochs, and values that are kept raw or framed.
async fn lived_in() -> anyhow::Result<World> {
    let world = World::new().await?;
    let mut dice = Dice::new(7);
    world.deliver(Traffic::new(&mut dice, 1, 60).whole()).await?;
    for topic in ["build_events", "orders", "readings"] {
        begin_epoch(world.writer.store(), "weir", topic).await?;
    }
    world.deliver(Traffic::new(&mut dice, 1, 60).whole()).await?;
    let raw = build(90, "ready", "2026-01-02T00:00:00Z", false)
        .replace("\"version\":1", r#""version":1,"note":"\u0000""#);
    let framed =
        [b"\0\0\0\0\x07".as_slice(), reading("framed", 1.5, "2026-01-01T00:00:00Z").as_bytes()]
            .concat();
    let pretty = build(91, "ready", "2026-01-02T00:00:00Z", true).replace(',', ",\n\t ");
    world
        .deliver(event([
            record("build_events", 8, 0, raw),
            record("readings", 8, 0, framed),
            record("build_events", 8, 1, pretty),
        ]))
        .await?;
    assert!(
        world.count("SELECT count(*) FROM builds").await? > 2
            && world.count("SELECT count(*) FROM readings").await? > 5
    );
    assert_eq!(world.count("SELECT count(*) FROM builds WHERE partition = 8").await?, 2);
    Ok(world)
}

#[tokio::test]
async fn a_rebuild_gives_the_same_rows_whatever_was_done_to_them() -> anyhow::Result<()> {
    let world = lived_in().await?;
    for (model, damage) in [
        ("builds", "DELETE FROM builds"),
        (
            "builds",
            "UPDATE builds SET status_build = 'damaged', time_updated = '9999-01-01', reaped = true",
        ),
        ("builds", "UPDATE builds SET id = gen_random_uuid()"),
        ("builds", "SELECT 1"),
        ("readings", "DELETE FROM readings WHERE \"offset\" % 2 = 0"),
        (
            "readings",
            "UPDATE readings SET value = 0, record_timestamp_ms = record_timestamp_ms + 1",
        ),
        ("readings", "UPDATE readings SET sensor = 'damaged_' || sensor"),
    ] {
        let before = tables::rows(&world.sql, model).await?;
        let (log, failures) = (
            tables::rows(&world.sql, "events").await?,
            tables::rows(&world.sql, "failures").await?,
        );
        world.sql.batch_execute(damage).await?;
        let done = replay(&world.writer, model, Selection::default()).await?;
        assert!(
            done.rebuilt && done.events > 0 && done.refused == 0 && done.promoted == 0,
            "{done:?}"
        );
        assert_eq!(tables::rows(&world.sql, model).await?, before, "{damage}");
        assert_eq!(
            (
                tables::rows(&world.sql, "events").await?,
                tables::rows(&world.sql, "failures").await?
            ),
            (log, failures)
        );
    }
    Ok(())
}

#[tokio::test]
async fn progress_ends_at_the_number_of_records() -> anyhow::Result<()> {
    let world = lived_in().await?;
    let heard = std::sync::Mutex::new(Vec::new());
    let done = replay::model(&world.writer, "readings", &Selection::default(), &|done, of| {
        heard.lock().expect("no panic").push((done, of));
    })
    .await?;
    let heard = heard.into_inner()?;
    assert_eq!(heard.last(), Some(&(done.records, done.records)));
    assert!(heard.is_sorted());
    Ok(())
}

/// Creates a database with a second topic of readings. Both topics are bound.
async fn two_topics() -> anyhow::Result<(World, Writer)> {
    let world = World::new().await?;
    let config = weir_model::TopicsConfig { topics: "+more=readings".parse()?, ..topics_config()? };
    let writer = world.writer_with(&config)?;
    let more = readings(0..20).into_iter().map(|r| Record {
        topic: "more".into(),
        timestamp: r.timestamp + 1,
        ..r
    });
    deliver(&writer, event(readings(10..30).into_iter().chain(more))).await?;
    Ok((world, writer))
}

#[tokio::test]
async fn one_topic_moves_rows_up_and_empties_nothing() -> anyhow::Result<()> {
    let (world, writer) = two_topics().await?;
    let before = tables::rows(&world.sql, "readings").await?;
    world.sql.batch_execute("DELETE FROM readings; INSERT INTO readings VALUES ('stranger', '2020-01-01', 1, 1, 1, 1, 1)").await?;
    let first =
        replay(&writer, "readings", Selection { topic: Some("readings".into()), from: None })
            .await?;
    assert_eq!((first.records, first.rebuilt), (20, false));
    assert_eq!(world.count("SELECT count(*) FROM readings").await?, 21);
    let second =
        replay(&writer, "readings", Selection { topic: Some("more".into()), from: None }).await?;
    assert_eq!((second.records, second.rebuilt), (20, false));
    world.sql.batch_execute("DELETE FROM readings WHERE sensor = 'stranger'").await?;
    assert_eq!(tables::rows(&world.sql, "readings").await?, before);
    Ok(())
}

#[tokio::test]
async fn from_a_date_reads_what_arrived_since() -> anyhow::Result<()> {
    let (world, writer) = two_topics().await?;
    age(&world.sql, "\"offset\" < 15", 2024, 5).await?;
    world.sql.batch_execute("DELETE FROM readings").await?;
    let from = |text| anyhow::Ok(Selection { topic: None, from: Some(instant(text)?) });
    assert_eq!(replay(&writer, "readings", from("2024-06-01T00:00:00Z")?).await?.records, 20);
    assert_eq!(world.count("SELECT count(*) FROM readings WHERE \"offset\" < 15").await?, 0);
    assert_eq!(replay(&writer, "readings", from("2024-05-04T00:00:00Z")?).await?.records, 40);
    assert_eq!(replay(&writer, "readings", from("2999-01-01T00:00:00Z")?).await?.records, 0);
    assert_eq!(world.count("SELECT count(*) FROM readings").await?, 30);
    Ok(())
}

#[tokio::test]
async fn a_selection_that_means_nothing_is_refused() -> anyhow::Result<()> {
    let world = World::new().await?;
    for (model, topic, says) in [
        (
            "ships",
            None,
            "unknown model \"ships\"; the models are: events, builds, readings, cdevents",
        ),
        (
            "builds",
            Some("orders"),
            "topic orders is not bound to model builds; the topics of this model are: build_events",
        ),
    ] {
        let Err(error) =
            replay(&world.writer, model, Selection { topic: topic.map(str::to_owned), from: None })
                .await
        else {
            anyhow::bail!("{model}")
        };
        assert_eq!(error.to_string(), says);
    }
    let alone = world.writer_with(&weir_model::TopicsConfig {
        topics: "readings=readings".parse()?,
        ..Default::default()
    })?;
    assert!(replay(&alone, "builds", Selection::default()).await.is_err_and(
        |e| e.to_string() == "no topic is bound to model builds: bind one with --topics"
    ));
    Ok(())
}

#[tokio::test]
async fn where_retention_took_a_part_nothing_is_emptied() -> anyhow::Result<()> {
    let (world, writer) = two_topics().await?;
    let before = tables::rows(&world.sql, "readings").await?;
    age(&world.sql, "\"offset\" < 15", 2024, 5).await?;
    retention::drop_months(
        writer.store(),
        instant("2025-01-01T00:00:00Z")?,
        &weir_store::retention::Guard::Nothing,
        &|_| (),
    )
    .await?;
    let done = replay(&writer, "readings", Selection::default()).await?;
    assert_eq!((done.records, done.rebuilt), (20, false));
    assert_eq!(tables::rows(&world.sql, "readings").await?, before);
    // The log of the builds is complete.
    assert!(replay(&writer, "builds", Selection::default()).await?.rebuilt);
    Ok(())
}

#[tokio::test]
async fn a_month_that_goes_while_a_rebuild_waits_costs_no_rows() -> anyhow::Result<()> {
    let (world, writer) = two_topics().await?;
    let before = tables::rows(&world.sql, "readings").await?;
    age(&world.sql, "\"offset\" < 15", 2024, 5).await?;
    // The steps of retention, held before their commit.
    let retention = world.database.client().await?;
    retention
        .batch_execute(
            "BEGIN; SELECT FROM stream_partitions FOR NO KEY UPDATE;
             INSERT INTO event_removals SELECT stream, partition, 'events_2024_05', min(\"offset\"), max(\"offset\"), count(*)
             FROM events_2024_05 GROUP BY 1, 2;",
        )
        .await?;
    let commit = async {
        somebody_waits(&world).await?;
        anyhow::Ok(
            retention.batch_execute("SELECT drop_event_month('events_2024_05'); COMMIT").await?,
        )
    };
    let (done, committed) = tokio::join!(replay(&writer, "readings", Selection::default()), commit);
    committed?;
    assert!(!done?.rebuilt);
    assert_eq!(tables::rows(&world.sql, "readings").await?, before);
    Ok(())
}

/// Waits until a connection to the database waits for a lock.
async fn somebody_waits(world: &World) -> anyhow::Result<()> {
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
    let waits = async || world.count(waiting).await.ok().filter(|n| *n > 0);
    weir_testkit::eventually(std::time::Duration::from_secs(20), waits).await?;
    Ok(())
}

#[tokio::test]
async fn a_topic_whose_first_batch_comes_while_a_rebuild_waits_costs_no_rows() -> anyhow::Result<()>
{
    let (world, writer) = two_topics().await?;
    let busy = world.database.client().await?;
    busy.batch_execute("BEGIN; SELECT FROM stream_partitions WHERE stream = 1 FOR NO KEY UPDATE")
        .await?;
    let first_batch = async {
        somebody_waits(&world).await?;
        let latecomer = record("readings", 0, 0, reading("latecomer", 1.0, "2026-01-01T00:00:00Z"));
        let other =
            Writer::new(world.store()?, writer.models().clone(), writer.topics().clone(), "other");
        assert_eq!(deliver(&other, event([latecomer])).await?.event_acknowledged, 1);
        anyhow::Ok(busy.batch_execute("COMMIT").await?)
    };
    let (done, committed) =
        tokio::join!(replay(&writer, "readings", Selection::default()), first_batch);
    committed?;
    assert!(done?.rebuilt);
    assert_eq!(world.count("SELECT count(*) FROM readings WHERE sensor = 'latecomer'").await?, 1);
    assert_eq!(world.count("SELECT count(*) FROM readings").await?, 31);
    Ok(())
}

/// Delivers twelve readings on the topic of builds, together with two builds, a null and a failure.
async fn mistaken(world: &World, writer: &Writer) -> anyhow::Result<()> {
    let mut records: Vec<Record> =
        readings(0..16).into_iter().map(|r| Record { topic: "build_events".into(), ..r }).collect();
    records[3].value = build(1, "ready", "2026-01-02T00:00:00Z", false).into();
    records[4].value = build(2, "ready", "2026-01-02T00:00:00Z", false).into();
    records[5].value = weir_testkit::Field::Null;
    records[6].value = "no JSON".into();
    let report = deliver(writer, event(records)).await?;
    assert_eq!((report.event_acknowledged, report.event_skipped, report.event_failed), (2, 13, 1));
    assert_eq!(world.count("SELECT count(*) FROM readings").await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_skipped_record_that_is_an_event_for_another_model_is_promoted_once() -> anyhow::Result<()>
{
    let world = World::new().await?;
    let plugins =
        with_plugins(&world, vec![Arc::new(DailyTotals), Arc::new(Ledger::new(|_, _, _| Ok(())))])
            .await?
            .plugins()
            .clone();
    mistaken(&world, &world.writer.clone().with_plugins(plugins.clone())).await?;
    // The first replay rebuilds `readings`. The second one updates `events`, which has no
    // projection to empty.
    for (model, promoted, refused) in [("readings", 12, 2), ("events", 0, 0)] {
        let config = weir_model::TopicsConfig {
            topics: format!("build_events={model}").parse()?,
            ..Default::default()
        };
        let other = world.writer_with(&config)?.with_plugins(plugins.clone());
        let first = replay(&other, model, Selection::default()).await?;
        assert_eq!(
            (first.promoted, first.refused, first.rebuilt),
            (promoted, refused, model == "readings"),
            "{model}"
        );
        let again = replay(&other, model, Selection::default()).await?;
        assert_eq!((again.promoted, again.refused, again.records), (0, refused, 15), "{model}");
        assert_eq!(world.count("SELECT count(*) FROM readings").await?, 12);
        assert_eq!(
            world
                .count("SELECT count(*) FROM events WHERE outcome = 'event' AND reason IS NULL")
                .await?,
            14
        );
        assert_eq!(world.sql.query(UNBALANCED, &[]).await?.len(), 0);
        assert_eq!(world.count("SELECT sum(events)::bigint FROM daily_totals.totals").await?, 14);
    }
    let promoted =
        "SELECT DISTINCT entity_id || ' ' || event_type FROM events WHERE entity_id = 'speed'";
    assert_eq!(tables::column(&world.sql, promoted).await?, ["speed reading"]);
    Ok(())
}

#[tokio::test]
async fn a_plugin_gets_a_promoted_event_with_the_group_of_its_stream() -> anyhow::Result<()> {
    let world = World::new().await?;
    let ledger = Ledger::new(|_, event, _| match event.group_id {
        "weir-build_events" => Ok(()),
        other => Err(weir_plugin::PluginError::Refused(format!("the group is {other}"))),
    });
    let plugins = with_plugins(&world, vec![Arc::new(ledger)]).await?.plugins().clone();
    let writer = |topics| {
        let models = weir_model::models::builtin();
        let topics = weir_model::Topics::new(&topics, &models).map_err(anyhow::Error::msg)?;
        let writer = Writer::new(world.store()?, models, topics, "weir-{topic}");
        anyhow::Ok(writer.with_plugins(plugins.clone()))
    };
    mistaken(&world, &writer(topics_config()?)?).await?;
    let other = writer(weir_model::TopicsConfig {
        topics: "build_events=events".parse()?,
        ..Default::default()
    })?;
    assert_eq!(replay(&other, "events", Selection::default()).await?.promoted, 12);
    assert_eq!(world.sql.query(UNBALANCED, &[]).await?.len(), 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_replays_at_once_promote_a_record_once() -> anyhow::Result<()> {
    for _ in 0..10 {
        let world = World::new().await?;
        let plugins = with_plugins(&world, vec![Arc::new(Ledger::new(|_, _, _| Ok(())))])
            .await?
            .plugins()
            .clone();
        mistaken(&world, &world.writer.clone().with_plugins(plugins.clone())).await?;
        let config = weir_model::TopicsConfig {
            topics: "build_events=events".parse()?,
            ..Default::default()
        };
        let other = world.writer_with(&config)?.with_plugins(plugins);
        let run = || replay(&other, "events", Selection::default());
        let (a, b, c) = tokio::try_join!(run(), run(), run())?;
        assert_eq!(world.sql.query(UNBALANCED, &[]).await?.len(), 0, "a plugin saw an event twice");
        assert_eq!(a.promoted + b.promoted + c.promoted, 12);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ingest_continues_during_a_rebuild() -> anyhow::Result<()> {
    let world = lived_in().await?;
    let more = async {
        for offset in 0..40 {
            world
                .deliver(event([record(
                    "readings",
                    5,
                    offset,
                    reading("beside", 1.0, &format!("2026-01-01T00:00:{offset:02}Z")),
                )]))
                .await?;
        }
        Ok::<_, StoreError>(())
    };
    let rebuilds = async {
        for _ in 0..6 {
            replay(&world.writer, "readings", Selection::default()).await?;
        }
        Ok(())
    };
    tokio::try_join!(more, rebuilds)?;
    let after = tables::rows(&world.sql, "readings").await?;
    assert_eq!(world.count("SELECT count(*) FROM readings WHERE sensor = 'beside'").await?, 40);
    replay(&world.writer, "readings", Selection::default()).await?;
    assert_eq!(tables::rows(&world.sql, "readings").await?, after);
    Ok(())
}
