//! Old months are dropped. Their records never count as new or lost.

use anyhow::Context;
use weir_store::{
    StoreError,
    event_id::EventId,
    identity::{self, StoredContent},
    reconcile::{BrokerPartition, Finding, reconcile},
    retention::{Dropped, Guard, drop_months},
    retry::{self, Retried},
};
use weir_testkit::Record;
use weir_tests::{
    World,
    batches::{event, orders, readings},
    tables,
    time_travel::{age, instant},
};

/// Creates orders 0 to 29: ten arrived in May 2024, ten in June, ten now. All readings arrived now.
/// One record is a failure.
async fn three_months() -> anyhow::Result<World> {
    let world = World::new().await?;
    let mut all = orders(0..30);
    all[12].value = "no JSON".into();
    world.deliver(event(all.into_iter().chain(readings(0..5)))).await?;
    age(&world.sql, "stream = 1 AND \"offset\" < 10", 2024, 5).await?;
    age(&world.sql, "stream = 1 AND \"offset\" BETWEEN 10 AND 19", 2024, 6).await?;
    Ok(world)
}

async fn drop_before(world: &World, instant_text: &str) -> anyhow::Result<Vec<Dropped>> {
    let heard = std::sync::Mutex::new(Vec::new());
    let dropped =
        drop_months(world.writer.store(), instant(instant_text)?, &Guard::Nothing, &|table| {
            heard.lock().expect("no panic").push(table.to_owned());
        })
        .await?
        .dropped;
    assert_eq!(
        heard.into_inner()?,
        dropped.iter().map(|d| d.month_table.clone()).collect::<Vec<_>>()
    );
    Ok(dropped)
}

const REMOVALS: &str =
    "SELECT s.topic || ' ' || partition || ' ' || month_table || ' ' || first_offset || '-' || last_offset || ' ' || records
    FROM event_removals r JOIN streams s ON s.id = r.stream ORDER BY month_table";

#[tokio::test]
async fn months_that_are_over_go_and_are_written_down() -> anyhow::Result<()> {
    let world = three_months().await?;
    let stream: i32 = world
        .sql
        .query_one("SELECT id FROM streams WHERE topic = 'orders'", &[])
        .await?
        .try_get(0)?;
    assert_eq!(stream, 1, "the story ages this stream");
    // A month can be dropped after its end, not earlier.
    assert_eq!(drop_before(&world, "2024-05-31T23:59:59Z").await?, []);
    assert_eq!(
        drop_before(&world, "2024-06-01T00:00:00Z").await?,
        [Dropped { month_table: "events_2024_05".into(), records: 10, is_archived: false }]
    );
    assert_eq!(world.count("SELECT count(*) FROM events").await?, 24);
    assert_eq!(
        drop_before(&world, "2024-12-24T00:00:00Z").await?,
        [Dropped { month_table: "events_2024_06".into(), records: 9, is_archived: false }]
    );
    assert_eq!(
        tables::column(&world.sql, REMOVALS).await?,
        ["orders 0 events_2024_05 0-9 10", "orders 0 events_2024_06 10-19 9"]
    );
    assert_eq!(drop_before(&world, "2024-12-24T00:00:00Z").await?, []);
    assert_eq!(world.count("SELECT count(*) FROM events").await?, 15);
    assert_eq!(world.count("SELECT count(*) FROM failures").await?, 1);
    let months = tables::column(&world.sql, "SELECT month_table FROM event_months()").await?;
    assert!(
        months.len() >= 4 && !months.iter().any(|m| m.starts_with("events_2024")),
        "{months:?}"
    );
    Ok(())
}

#[tokio::test]
async fn a_dropped_record_is_not_new() -> anyhow::Result<()> {
    let world = three_months().await?;
    drop_before(&world, "2025-01-01T00:00:00Z").await?;
    let before = tables::everything(&world.sql).await?;
    let mut all = orders(0..30);
    all[12].value = "no JSON".into();
    let report = world.deliver(event(all)).await?;
    assert_eq!(
        (report.event_acknowledged, report.event_failed, report.event_already_consumed),
        (0, 0, 30)
    );
    // No stored record is left for a comparison of contents.
    let mut other = orders(3..5);
    other[0].value = r#"{"n":"other"}"#.into();
    assert_eq!(world.deliver(event(other)).await?.event_already_consumed, 2);
    assert_eq!(tables::everything(&world.sql).await?, before);
    assert_eq!(world.deliver(event(orders(28..33))).await?.event_acknowledged, 3);
    Ok(())
}

fn at(offset: i64, timestamp: i64) -> Record {
    let mut records = orders([offset]);
    let mut record = records.remove(0);
    record.timestamp = timestamp;
    record
}

#[tokio::test]
async fn a_record_with_a_timestamp_of_no_dropped_record_was_never_stored() -> anyhow::Result<()> {
    let world = World::new().await?;
    // Record 5 arrives a month later than its neighbours, because it was a failure until then.
    let mut refused = at(5, 9_000);
    refused.value = "no JSON".into();
    let others = (0..10).filter(|n| *n != 5).map(|n| at(n, 1_000 + n));
    world.deliver(event(others.chain([refused.clone()]))).await?;
    world.sql.batch_execute("UPDATE failures SET value = convert_to('{\"n\":5}', 'UTF8')").await?;
    let id: EventId = "orders-0-5".parse().map_err(|()| anyhow::anyhow!("an id"))?;
    let place = retry::place_of(world.writer.store(), &id).await?.context("the failure")?;
    assert_eq!(retry::failure(&world.writer, place).await?, Retried::Acknowledged);
    world.deliver(event([at(11, -1), at(12, 1_012)])).await?;
    age(&world.sql, "\"offset\" < 10 AND \"offset\" <> 5", 2024, 5).await?;
    age(&world.sql, "\"offset\" = 5", 2024, 6).await?;
    age(&world.sql, "\"offset\" = 11", 2024, 7).await?;
    drop_before(&world, "2024-12-24T00:00:00Z").await?;
    assert_eq!(world.count("SELECT count(*) FROM events").await?, 1);
    // `weir reconcile` compares the broker's records with these.
    let known = async |from, upwards| {
        identity::stored_record(&world.writer, ("orders", 0), from, upwards).await
    };
    let dropped = StoredContent::Timestamps(1_000..=1_009);
    assert_eq!(known(10, false).await?, Some((9, dropped.clone())));
    assert_eq!(known(0, true).await?, Some((0, dropped.clone())));
    assert_eq!(known(5, true).await?, Some((5, StoredContent::Timestamps(9_000..=9_000))));
    assert!(matches!(known(20, false).await?, Some((12, StoredContent::Checksum(_)))));
    assert!(dropped.may_be(1, 1_009) && !dropped.may_be(1, 1_010));

    // Every dropped record is a duplicate, in the same batch as a new one too.
    let all = (0..10).filter(|n| *n != 5).map(|n| at(n, 1_000 + n));
    let all = all.chain([refused, at(11, -1), at(12, 1_012), at(13, 1_013)]);
    let report = world.deliver(event(all)).await?;
    assert_eq!((report.event_acknowledged, report.event_already_consumed), (1, 12));
    // Offset 10 was a hole of that batch. No dropped record had an offset near it.
    assert_eq!(world.deliver(event([at(10, 5)])).await?.event_already_consumed, 1);

    let before = tables::everything(&world.sql).await?;
    for (offset, timestamp) in [(0, 999), (3, 1_010), (9, -1), (5, 8_999 + 2), (11, 1_011)] {
        let error = world.deliver(event([at(offset, timestamp), at(14, 1_014)])).await;
        assert!(
            matches!(error, Err(StoreError::Contradiction { offset: of, .. }) if of == offset),
            "{offset} at {timestamp}: {error:?}"
        );
        world.sql.batch_execute("DELETE FROM stream_contradictions").await?;
    }
    assert_eq!(tables::everything(&world.sql).await?, before);
    Ok(())
}

#[tokio::test]
async fn where_an_older_release_dropped_records_only_later_ones_are_told_apart()
-> anyhow::Result<()> {
    let world = three_months().await?;
    drop_before(&world, "2024-06-01T00:00:00Z").await?;
    // Rows of an older release have the defaults of the columns.
    world
        .sql
        .batch_execute(
            "WITH gone AS (DELETE FROM event_removals RETURNING *)
             INSERT INTO event_removals (stream, partition, month_table, first_offset, last_offset, records, removed_at)
             SELECT stream, partition, month_table, first_offset, last_offset, records, removed_at FROM gone",
        )
        .await?;
    assert_eq!(world.deliver(event(orders(0..10))).await?.event_already_consumed, 10);
    let year_3000 = 32_503_680_000_000;
    assert!(matches!(
        world.deliver(event([at(0, year_3000)])).await,
        Err(StoreError::Contradiction { offset: 0, .. })
    ));
    Ok(())
}

fn broker(topic: &str, low: i64, high: i64) -> BrokerPartition {
    BrokerPartition { topic: topic.into(), partition: 0, low, high, end: high }
}

#[tokio::test]
async fn reconcile_calls_nothing_lost_that_was_removed() -> anyhow::Result<()> {
    let world = three_months().await?;
    let asked = [broker("orders", 0, 30), broker("readings", 0, 7), broker("never-seen", 0, 3)];
    let wanted = |topic: &str, behind: std::ops::Range<i64>, records| Finding {
        topic: topic.into(),
        is_known: records > 0,
        records,
        hidden: behind.end..behind.end,
        behind,
        ..Finding::default()
    };
    let all =
        [wanted("orders", 30..30, 30), wanted("readings", 5..7, 5), wanted("never-seen", 0..3, 0)];
    assert_eq!(reconcile(world.writer.store(), "weir", &asked).await?, all);
    drop_before(&world, "2025-01-01T00:00:00Z").await?;
    let found = reconcile(world.writer.store(), "weir", &asked).await?;
    assert_eq!(found, all);
    Ok(())
}

#[tokio::test]
async fn reconcile_names_what_never_came() -> anyhow::Result<()> {
    let world = World::new().await?;
    // Offsets 10 to 14 never arrived. Offsets 17 and 18 are holes of compaction.
    world.deliver(event(orders(0..10))).await?;
    world.deliver(event(orders([15, 16, 19]))).await?;
    age(&world.sql, "\"offset\" < 10", 2024, 5).await?;
    drop_before(&world, "2025-01-01T00:00:00Z").await?;
    let found = reconcile(world.writer.store(), "weir", &[broker("orders", 12, 40)]).await?;
    let [found] = &found[..] else { anyhow::bail!("{found:?}") };
    assert_eq!((found.records, found.holes, found.behind.clone()), (13, 2, 20..40));
    assert_eq!(format!("{:?} {:?}", found.lost, found.missing), "[10..12] [12..15]");
    // They arrive after the month was dropped, and are new.
    assert_eq!(world.deliver(event(orders(8..15))).await?.event_acknowledged, 5);
    let found = reconcile(world.writer.store(), "weir", &[broker("orders", 12, 40)]).await?;
    assert_eq!((found[0].records, found[0].lost.len(), found[0].missing.len()), (18, 0, 0));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn months_go_while_ingest_goes_on() -> anyhow::Result<()> {
    let world = three_months().await?;
    let more = async {
        for next in 30..130 {
            world.deliver(event(orders(0..10).into_iter().chain(orders(next - 10..=next)))).await?;
        }
        anyhow::Ok(())
    };
    let drops = async {
        for month in ["2024-06-01T00:00:00Z", "2024-07-01T00:00:00Z"] {
            drop_before(&world, month).await?;
        }
        anyhow::Ok(())
    };
    tokio::try_join!(more, drops)?;
    assert_eq!(world.count("SELECT count(*) FROM events WHERE stream = 1").await?, 110);
    assert_eq!(world.count("SELECT sum(records)::bigint FROM event_removals").await?, 19);
    Ok(())
}
