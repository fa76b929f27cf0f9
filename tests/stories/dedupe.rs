//! `--dedupe orders`: records with equal key and value count once per consumer group.

use weir_model::TopicsConfig;
use weir_store::{Report, Writer};
use weir_testkit::Record;
use weir_tests::{
    World,
    batches::{event, orders, record},
    deliver, tables,
    time_travel::{age, instant},
    topics_config,
};

fn config() -> anyhow::Result<TopicsConfig> {
    Ok(TopicsConfig {
        topics: "+orders=events,invoices=events".parse()?,
        dedupe: vec!["orders".into()],
        ..topics_config()?
    })
}

/// Returns records of a partition with these values at consecutive offsets.
fn valued(topic: &str, partition: i32, from: i64, values: &[&str]) -> Vec<Record> {
    (from..)
        .zip(values)
        .map(|(offset, value)| Record {
            key: "k".into(),
            ..record(topic, partition, offset, format!("{value:?}"))
        })
        .collect()
}

fn counts(report: &Report) -> (usize, usize, usize) {
    (report.event_acknowledged, report.event_skipped, report.event_already_consumed)
}

const KEPT: &str =
    "SELECT s.topic || ' ' || e.partition || '-' || e.\"offset\" || ' ' || e.payload || ' ' || e.outcome || coalesce(' ' || e.reason, '')
    FROM events e JOIN streams s ON s.id = e.stream ORDER BY s.id, e.partition, e.\"offset\"";

#[tokio::test]
async fn repeats_in_a_batch_and_across_batches_are_skipped_and_counted() -> anyhow::Result<()> {
    let world = World::new().await?;
    let writer = world.writer_with(&config()?)?;
    let first = deliver(&writer, event(valued("orders", 0, 0, &["a", "b", "a", "a"]))).await?;
    assert_eq!(counts(&first), (2, 0, 2));
    let second = deliver(&writer, event(valued("orders", 1, 0, &["b", "c", "c"]))).await?;
    assert_eq!(counts(&second), (1, 0, 2));
    let repeat =
        "skipped event_already_consumed: a record with an equal key and value is already stored";
    let wanted = [
        "orders 0-0 \"a\" event".to_owned(),
        "orders 0-1 \"b\" event".to_owned(),
        format!("orders 0-2 \"a\" {repeat}"),
        format!("orders 0-3 \"a\" {repeat}"),
        format!("orders 1-0 \"b\" {repeat}"),
        "orders 1-1 \"c\" event".to_owned(),
        format!("orders 1-2 \"c\" {repeat}"),
    ];
    assert_eq!(tables::column(&world.sql, KEPT).await?, wanted);
    Ok(())
}

#[tokio::test]
async fn a_redelivery_is_settled_and_not_a_repeat() -> anyhow::Result<()> {
    let world = World::new().await?;
    let writer = world.writer_with(&config()?)?;
    let batch = || event(valued("orders", 0, 0, &["a", "b", "a"]));
    deliver(&writer, batch()).await?;
    let before = tables::everything(&world.sql).await?;
    assert_eq!(counts(&deliver(&writer, batch()).await?), (0, 0, 3));
    assert_eq!(tables::everything(&world.sql).await?, before);
    Ok(())
}

#[tokio::test]
async fn the_key_counts_and_the_boundary_between_key_and_value() -> anyhow::Result<()> {
    let world = World::new().await?;
    let writer = world.writer_with(&config()?)?;
    let of = |offset, key: weir_testkit::Field, value: &str| Record {
        key,
        ..record("orders", 0, offset, value)
    };
    let none = weir_testkit::Field::Null;
    let all = [
        of(0, "1".into(), "12"),
        of(1, "11".into(), "2"),
        of(2, "".into(), "12"),
        of(3, none.clone(), "12"),
        of(4, none, "112"),
        of(5, "1".into(), "12"),
    ];
    assert_eq!(counts(&deliver(&writer, event(all)).await?), (5, 0, 1));
    Ok(())
}

#[tokio::test]
async fn other_topics_and_other_groups_are_not_touched() -> anyhow::Result<()> {
    let world = World::new().await?;
    let writer = world.writer_with(&config()?)?;
    deliver(&writer, event(valued("orders", 0, 0, &["a", "a"]))).await?;
    assert_eq!(
        counts(&deliver(&writer, event(valued("invoices", 0, 0, &["a", "a", "a"]))).await?),
        (3, 0, 0)
    );
    let topics = weir_model::Topics::new(&config()?, writer.models())?;
    let other = Writer::new(world.store()?, writer.models().clone(), topics, "other");
    assert_eq!(
        counts(&deliver(&other, event(valued("orders", 0, 0, &["a", "a"]))).await?),
        (1, 0, 1)
    );
    Ok(())
}

#[tokio::test]
async fn a_batch_that_fails_claims_nothing() -> anyhow::Result<()> {
    let world = World::new().await?;
    let writer = world.writer_with(&config()?)?;
    world.sql.batch_execute("ALTER TABLE event_records RENAME TO records_away").await?;
    assert!(deliver(&writer, event(valued("orders", 0, 0, &["a", "b"]))).await.is_err());
    world.sql.batch_execute("ALTER TABLE records_away RENAME TO event_records").await?;
    assert_eq!(
        counts(&deliver(&writer, event(valued("orders", 0, 0, &["a", "b"]))).await?),
        (2, 0, 0)
    );
    Ok(())
}

#[tokio::test]
async fn skips_and_failures_claim_nothing() -> anyhow::Result<()> {
    let world = World::new().await?;
    let writer = world.writer_with(&config()?)?;
    let mut all = orders(0..4);
    for (n, value) in [
        (0, weir_testkit::Field::Null),
        (1, weir_testkit::Field::Null),
        (2, "no JSON".into()),
        (3, "no JSON".into()),
    ] {
        all[n].value = value;
    }
    let report = deliver(&writer, event(all)).await?;
    assert_eq!((counts(&report), report.event_failed), ((0, 2, 0), 2));
    assert_eq!(tables::rows(&world.sql, "event_contents").await?, Vec::<String>::new());
    Ok(())
}

#[tokio::test]
async fn retention_forgets_old_contents() -> anyhow::Result<()> {
    let world = World::new().await?;
    let writer = world.writer_with(&config()?)?;
    deliver(&writer, event(valued("orders", 0, 0, &["a", "b"]))).await?;
    age(&world.sql, "true", 2024, 5).await?;
    world.sql.batch_execute("UPDATE event_contents SET seen_at = '2024-05-04'").await?;
    weir_store::retention::drop_months(
        writer.store(),
        instant("2025-01-01T00:00:00Z")?,
        &weir_store::retention::Guard::Nothing,
        &|_| (),
    )
    .await?;
    assert_eq!(
        counts(&deliver(&writer, event(valued("orders", 0, 2, &["a", "a"]))).await?),
        (1, 0, 1)
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_writers_on_two_partitions_store_one_event() -> anyhow::Result<()> {
    let world = World::new().await?;
    let (one, two) = (world.writer_with(&config()?)?, world.writer_with(&config()?)?);
    for round in 0..60_i64 {
        let values: Vec<String> = (0..10).map(|n| format!("round {round} order {n}")).collect();
        let forward: Vec<&str> = values.iter().map(String::as_str).collect();
        let backward: Vec<&str> = forward.iter().rev().copied().collect();
        let (a, b) = tokio::try_join!(
            deliver(&one, event(valued("orders", 0, round * 10, &forward))),
            deliver(&two, event(valued("orders", 1, round * 10, &backward)))
        )?;
        assert_eq!(a.event_acknowledged + b.event_acknowledged, 10, "round {round}: {a:?} {b:?}");
        assert_eq!(
            (a.event_already_consumed + b.event_already_consumed, a.retries, b.retries),
            (10, 0, 0)
        );
    }
    assert_eq!(world.count("SELECT count(*) FROM events WHERE outcome = 'event'").await?, 600);
    assert_eq!(
        world
            .count("SELECT count(DISTINCT payload::text) FROM events WHERE outcome = 'event'")
            .await?,
        600
    );
    Ok(())
}
