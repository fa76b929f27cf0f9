//! After any redelivery the rows equal those of one clean pass.

use weir_store::{StoreError, event_id::EventId, reset::begin_epoch};
use weir_testkit::Record;
use weir_tests::{
    World, audit,
    batches::{build, event, orders, readings, record},
    dice::Dice,
    reading, tables,
};

/// Returns 61 records of three topics in four partitions, with ties, a skip and a failure.
fn records() -> Vec<Record> {
    let mut all = Vec::new();
    for n in 0..15_u32 {
        let offset = i64::from(n);
        all.push(record(
            "build_events",
            0,
            offset,
            build(n % 4, "ready", "2026-01-02T00:00:00Z", n == 9),
        ));
        all.push(record(
            "build_events",
            1,
            offset,
            build(n % 4, "error", "2026-01-02T00:00:00Z", false),
        ));
        all.push(record(
            "readings",
            0,
            offset,
            reading("speed", f64::from(n), &format!("2026-01-0{}T00:00:00Z", 1 + n % 3)),
        ));
        all.push(record(
            "orders",
            0,
            offset,
            if n == 7 { "no JSON".into() } else { format!(r#"{{"n":{n}}}"#) },
        ));
    }
    all.push(record("build_events", 0, 15, r#"{"data":null}"#));
    all
}

fn of(
    records: &[Record],
    topic: &str,
    partition: i32,
    offsets: std::ops::Range<i64>,
) -> Vec<Record> {
    let chosen = records
        .iter()
        .filter(|r| r.topic == topic && r.partition == partition && offsets.contains(&r.offset));
    chosen.cloned().collect()
}

/// Delivers the parts, and then everything again. Compares the rows with those of one delivery.
async fn like_one_clean_pass(parts: impl IntoIterator<Item = Vec<Record>>) -> anyhow::Result<()> {
    let (clean, world) = (World::new().await?, World::new().await?);
    clean.deliver(event(records())).await?;
    for part in parts {
        world.deliver(event(part)).await?;
    }
    let last = world.deliver(event(records())).await?;
    assert_eq!(audit::rows(&world.sql, None).await?, audit::rows(&clean.sql, None).await?);
    assert_eq!(world.count("SELECT count(*) FROM stream_gaps").await?, 0);
    let before = tables::everything(&world.sql).await?;
    let again = world.deliver(event(records())).await?;
    assert_eq!((again.event_already_consumed, again.around_consume), (61, 61), "after {last:?}");
    assert_eq!(tables::everything(&world.sql).await?, before);
    Ok(())
}

#[tokio::test]
async fn the_same_batch_twice() -> anyhow::Result<()> {
    like_one_clean_pass([records(), records()]).await
}

#[tokio::test]
async fn a_batch_that_overlaps_the_one_before() -> anyhow::Result<()> {
    let all = records();
    let parts = [(0, 9), (4, 13), (8, 16)].map(|(from, to)| {
        let places = [("build_events", 0), ("build_events", 1), ("readings", 0), ("orders", 0)];
        places
            .into_iter()
            .flat_map(|(topic, partition)| of(&all, topic, partition, from..to))
            .collect()
    });
    like_one_clean_pass(parts).await
}

#[tokio::test]
async fn a_batch_that_is_contained_in_the_one_before() -> anyhow::Result<()> {
    let all = records();
    like_one_clean_pass([
        of(&all, "orders", 0, 0..12),
        of(&all, "orders", 0, 3..9),
        of(&all, "orders", 0, 0..1),
        of(&all, "orders", 0, 11..12),
    ])
    .await
}

#[tokio::test]
async fn a_batch_shuffled_within() -> anyhow::Result<()> {
    let mut dice = Dice::new(1);
    let mut shuffled = records();
    dice.shuffle(&mut shuffled);
    let mut other = shuffled.clone();
    dice.shuffle(&mut other);
    like_one_clean_pass([shuffled, other]).await
}

#[tokio::test]
async fn the_later_half_first() -> anyhow::Result<()> {
    let all = records();
    like_one_clean_pass([
        of(&all, "orders", 0, 8..15),
        of(&all, "orders", 0, 4..8),
        of(&all, "build_events", 0, 10..16),
        of(&all, "orders", 0, 0..4),
    ])
    .await
}

#[tokio::test]
async fn partitions_interleaved_one_record_at_a_time() -> anyhow::Result<()> {
    like_one_clean_pass(records().into_iter().map(|record| vec![record])).await
}

#[tokio::test]
async fn partitions_backwards_one_record_at_a_time() -> anyhow::Result<()> {
    like_one_clean_pass(records().into_iter().rev().map(|record| vec![record])).await
}

#[tokio::test]
async fn a_hole_before_a_batch_is_a_gap_and_one_inside_it_is_not() -> anyhow::Result<()> {
    let world = World::new().await?;
    world.deliver(event(orders([0, 1, 5, 9]))).await?;
    assert_eq!(tables::rows(&world.sql, "stream_gaps").await?, Vec::<String>::new());
    world.deliver(event(orders([20, 21]))).await?;
    world.deliver(event(orders([12, 14]))).await?;
    let gaps = "SELECT first_offset || ' to ' || end_offset FROM stream_gaps ORDER BY first_offset";
    assert_eq!(tables::column(&world.sql, gaps).await?, ["10 to 12", "15 to 20"]);
    // Offsets 3 and 13 were holes and are settled. Offset 17 is in a gap and is new.
    let late = world.deliver(event(orders([3]))).await?;
    let hole = world.deliver(event(orders([13]))).await?;
    let new = world.deliver(event(orders([17]))).await?;
    assert_eq!(
        (late.event_acknowledged, hole.event_acknowledged, new.event_acknowledged),
        (0, 0, 1)
    );
    assert_eq!(tables::column(&world.sql, gaps).await?, ["10 to 12", "15 to 17", "18 to 20"]);
    Ok(())
}

type Change = (&'static str, fn(&mut Record));

const CHANGES: [Change; 6] = [
    ("timestamp", |r| r.timestamp += 1),
    ("value", |r| r.value = r#"{"n":"other"}"#.into()),
    ("value null", |r| r.value = weir_testkit::Field::Null),
    ("key", |r| r.key = "other".into()),
    ("a header more", |r| r.headers = Some(vec![("x".into(), Some(vec![1]))])),
    ("a header without a name", |r| r.headers = Some(vec![("lost".into(), None)])),
];

#[tokio::test]
async fn equal_coordinates_with_another_record_fail_the_batch() -> anyhow::Result<()> {
    let world = World::new().await?;
    let mut stored = orders(0..10);
    // Failures and skips are compared in the same way as events.
    stored[3].value = "no JSON".into();
    stored[4].value = weir_testkit::Field::Bytes(b"\xff".to_vec());
    world.deliver(event(stored.clone())).await?;
    let before = tables::everything(&world.sql).await?;
    for (what, change) in CHANGES {
        for n in [0, 3, 4, 9] {
            let mut batch = stored.clone();
            change(&mut batch[n]);
            batch.extend(orders([10, 11]));
            let Err(error) = world.deliver(event(batch)).await else {
                anyhow::bail!("another {what} at offset {n} goes through")
            };
            assert!(
                matches!(error, StoreError::Contradiction { .. })
                    && !error.is_transient()
                    && !error.is_data(),
                "{what}: {error:?}"
            );
            let line = error.to_string();
            assert!(
                line.contains("weir topic reset orders")
                    && line.contains(&format!("orders-0 offset {n}")),
                "{what}: {line}"
            );
            let noted = format!(
                "WITH gone AS (DELETE FROM stream_contradictions WHERE first_offset = {n} RETURNING 1) SELECT count(*) FROM gone"
            );
            assert_eq!(world.count(&noted).await?, 1, "another {what} at offset {n} is not kept");
            assert_eq!(
                tables::everything(&world.sql).await?,
                before,
                "another {what} at offset {n} changed something"
            );
        }
    }
    Ok(())
}

/// A gap that was filled in a later month has its rows after those of higher offsets.
#[tokio::test]
async fn rows_of_several_months_are_compared_in_the_order_of_the_offsets() -> anyhow::Result<()> {
    let world = World::new().await?;
    world.deliver(event(orders(0..20))).await?;
    world
        .sql
        .batch_execute(
            "UPDATE event_records SET arrived_at = arrived_at + interval '1 month' WHERE \"offset\" < 10",
        )
        .await?;
    assert_eq!(world.deliver(event(orders(0..20))).await?.event_already_consumed, 20);
    let mut batch: Vec<Record> = orders(0..20).into_iter().collect();
    batch[5].value = "{}".into();
    let refused = world.deliver(event(batch)).await;
    assert!(matches!(refused, Err(StoreError::Contradiction { offset: 5, .. })), "{refused:?}");
    Ok(())
}

#[tokio::test]
async fn a_recreated_topic_is_stored_after_the_reset() -> anyhow::Result<()> {
    let world = World::new().await?;
    world.deliver(event(orders(0..10))).await?;
    let old = tables::rows(&world.sql, "events").await?;
    let anew = || {
        (0..5)
            .map(|offset| record("orders", 0, offset, format!(r#"{{"new":{offset}}}"#)))
            .collect::<Vec<_>>()
    };
    assert!(matches!(world.deliver(event(anew())).await, Err(StoreError::Contradiction { .. })));
    let noted = "SELECT count(*) FROM stream_contradictions WHERE first_offset = 0 AND what LIKE '%already stored with different content%'";
    assert_eq!(world.count(noted).await?, 1, "it stays until the reset");
    // Until then, nothing of this partition is stored, and nothing is called a duplicate.
    let topics = |n| event(orders([n]).into_iter().chain(readings(0..3)));
    for n in [0, 10] {
        let error = world.deliver(topics(n)).await.expect_err("not reset");
        assert!(matches!(error, StoreError::NotReset(_)), "{error:?}");
        assert!(!error.is_transient() && !error.is_data() && !error.is_outage());
        assert!(error.to_string().contains("`weir topic reset orders`"), "{error}");
    }
    assert_eq!(tables::rows(&world.sql, "events").await?, old);
    // Another topic is not affected.
    world.deliver(event(readings(0..3))).await?;
    let old = tables::rows(&world.sql, "events").await?;
    let stream = begin_epoch(world.writer.store(), "weir", "orders").await?;
    assert!(stream.is_some());
    assert_eq!(world.deliver(event(anew())).await?.event_acknowledged, 5);
    assert_eq!(world.deliver(event(anew())).await?.event_already_consumed, 5);
    let rows = tables::rows(&world.sql, "events").await?;
    assert_eq!(rows.len(), 18);
    assert!(old.iter().all(|row| rows.contains(row)), "the old rows stay");
    // The old records belong to the earlier topic. They contradict the new one.
    assert!(matches!(
        world.deliver(event(orders(0..10))).await,
        Err(StoreError::Contradiction { .. })
    ));
    Ok(())
}

#[tokio::test]
async fn a_reset_touches_no_other_topic_and_no_other_group() -> anyhow::Result<()> {
    let world = World::new().await?;
    let (models, topics) = weir_tests::models_and_topics()?;
    let other = weir_store::Writer::new(world.store()?, models, topics, "other");
    let both = || {
        event(orders(0..3).into_iter().chain([record(
            "readings",
            0,
            0,
            reading("speed", 1.0, "2026-01-01T00:00:00Z"),
        )]))
    };
    world.deliver(both()).await?;
    weir_tests::deliver(&other, both()).await?;
    assert_eq!(begin_epoch(world.writer.store(), "weir", "orders").await?, Some(5));
    assert_eq!(world.deliver(both()).await?.event_acknowledged, 3);
    assert_eq!(weir_tests::deliver(&other, both()).await?.event_acknowledged, 0);
    assert_eq!(begin_epoch(world.writer.store(), "weir", "never-seen").await?, None);
    assert_eq!(begin_epoch(world.writer.store(), "nobody", "orders").await?, None);
    Ok(())
}

#[tokio::test]
async fn public_ids_tell_the_epochs_apart() -> anyhow::Result<()> {
    let world = World::new().await?;
    world.deliver(event(orders(0..2))).await?;
    let stream = begin_epoch(world.writer.store(), "weir", "orders").await?;
    world.deliver(event(orders(0..2))).await?;
    let first: EventId = "orders-0-1".parse().map_err(|()| anyhow::anyhow!("no id"))?;
    let second = EventId { stream, ..first.clone() };
    assert_eq!(
        (first.to_string(), second.to_string()),
        ("orders-0-1".into(), "orders-0-1~2".to_owned())
    );
    assert_eq!(second.to_string().parse(), Ok(second.clone()));
    let find = "SELECT count(*) FROM events e JOIN streams s ON s.id = e.stream
        WHERE s.topic = $1 AND e.partition = $2 AND e.\"offset\" = $3
            AND e.stream = coalesce($4, (SELECT min(f.id) FROM streams f WHERE f.topic = $1))";
    for id in [first, second] {
        let found: i64 = world
            .sql
            .query_one(find, &[&id.topic, &id.partition, &id.offset, &id.stream])
            .await?
            .try_get(0)?;
        assert_eq!(found, 1, "{id}");
    }
    Ok(())
}

/// Planning the statement takes longer than reading the checksums of a small batch.
#[tokio::test]
async fn the_comparison_of_checksums_is_planned_once() -> anyhow::Result<()> {
    let world = World::new().await?;
    for _ in 0..9 {
        world.deliver(event(records())).await?;
    }
    // The writer has one connection, which is idle now.
    let connection = world.writer.store().connect_or_take().await?;
    let row = connection
        .client()
        .query_one(
            "SELECT generic_plans, custom_plans, current_setting('plan_cache_mode'), current_setting('enable_seqscan')
            FROM pg_prepared_statements WHERE statement LIKE '-- read_checksums%'",
            &[],
        )
        .await?;
    assert_eq!((row.try_get::<_, i64>(0)?, row.try_get::<_, i64>(1)?), (8, 0));
    assert_eq!((row.try_get::<_, &str>(2)?, row.try_get::<_, &str>(3)?), ("auto", "on"));
    Ok(())
}
