//! Retries, redeliveries and discards of the same record at the same time.

use std::future::Future;

use weir_store::{
    Report, StoreError, Writer,
    retry::{self, RecordCoordinates, Retried},
};
use weir_testkit::Record;
use weir_tests::{
    World, audit,
    batches::{build, event, orders, record},
    deliver, tables,
};

use super::{place, writer_without_models};
use crate::ledger::{Ledger, UNBALANCED, with_plugins};

/// Creates writers, each with a separate connection pool, `daily_totals` and the ledger.
async fn functions(world: &World, count: usize) -> anyhow::Result<Vec<Writer>> {
    let ledger = std::sync::Arc::new(Ledger::new(|_, _, _| Ok(())));
    let plugins = with_plugins(
        world,
        vec![std::sync::Arc::new(weir_plugin::daily_totals::DailyTotals), ledger],
    )
    .await?
    .plugins()
    .clone();
    let (models, topics) = weir_tests::models_and_topics()?;
    (0..count)
        .map(|_| {
            Ok(Writer::new(world.store()?, models.clone(), topics.clone(), "weir")
                .with_plugins(plugins.clone()))
        })
        .collect()
}

fn retrying(
    writer: &Writer,
    place: RecordCoordinates,
) -> impl Future<Output = Result<Retried, StoreError>> + Send + 'static {
    let writer = writer.clone();
    async move { retry::failure(&writer, place).await }
}

fn delivering(
    writer: &Writer,
    records: Vec<Record>,
) -> impl Future<Output = Result<Report, StoreError>> + Send + 'static {
    let writer = writer.clone();
    async move { deliver(&writer, event(records)).await }
}

/// Returns builds of partition 0, with one event each.
fn builds(offsets: std::ops::Range<i64>) -> Vec<Record> {
    let of = |offset: i64| {
        build(u32::try_from(offset).unwrap_or_default(), "ready", "2026-01-02T00:00:00Z", false)
    };
    offsets.map(|offset| record("build_events", 0, offset, of(offset))).collect()
}

/// Checks that the log, the ledger and the totals agree, and that no failure is stored.
async fn assert_balanced(world: &World, events: i64) -> anyhow::Result<()> {
    assert_eq!(
        world.sql.query(UNBALANCED, &[]).await?.len(),
        0,
        "a plugin saw an event never or twice"
    );
    assert_eq!(world.count("SELECT count(*) FROM events WHERE outcome = 'event'").await?, events);
    assert_eq!(world.count("SELECT sum(events)::bigint FROM daily_totals.totals").await?, events);
    assert_eq!(world.count("SELECT count(*) FROM failures").await?, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_retries_at_once_store_a_record_once() -> anyhow::Result<()> {
    const ROUNDS: i64 = 60;
    let world = World::new().await?;
    let functions = functions(&world, 2).await?;
    deliver(&writer_without_models(&world)?, event(builds(0..ROUNDS))).await?;
    let first = place(&world, "build_events-0-0").await?;
    for offset in 0..ROUNDS {
        let place = RecordCoordinates { offset, ..first };
        let (a, b) = tokio::try_join!(
            tokio::spawn(retrying(&functions[0], place)),
            tokio::spawn(retrying(&functions[1], place))
        )?;
        let (a, b) = (a?, b?);
        assert!(
            matches!(
                (&a, &b),
                (Retried::Acknowledged, Retried::AlreadyStored)
                    | (Retried::AlreadyStored, Retried::Acknowledged)
            ),
            "{a:?} and {b:?} in round {offset}"
        );
    }
    assert_balanced(&world, ROUNDS).await?;
    assert_eq!(world.count("SELECT count(*) FROM builds").await?, ROUNDS);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_and_a_redelivery_at_once_store_a_record_once() -> anyhow::Result<()> {
    const ROUNDS: i64 = 60;
    let (world, clean) = (World::new().await?, World::new().await?);
    let functions = functions(&world, 3).await?;
    let writer_without_models = writer_without_models(&world)?;
    for round in 0..ROUNDS {
        // One record failed. It is delivered again with two new records.
        let from = round * 3;
        deliver(&writer_without_models, event(builds(from..from + 1))).await?;
        let place = RecordCoordinates { offset: from, ..place(&world, "build_events-0-0").await? };
        let (a, b, report) = tokio::try_join!(
            tokio::spawn(retrying(&functions[0], place)),
            tokio::spawn(retrying(&functions[1], place)),
            tokio::spawn(delivering(&functions[2], builds(from..from + 3)))
        )?;
        let (a, b, report) = (a?, b?, report?);
        let stored = [&a, &b].into_iter().filter(|r| **r == Retried::Acknowledged).count();
        assert_eq!(stored, 1, "{a:?} and {b:?} in round {round}");
        assert_eq!(
            (report.event_already_consumed, report.event_acknowledged),
            (1, 2),
            "round {round}"
        );
    }
    assert_balanced(&world, ROUNDS * 3).await?;
    deliver(&self::functions(&clean, 1).await?[0], event(builds(0..ROUNDS * 3))).await?;
    audit::equal(&world.sql, &clean.sql).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_and_a_discard_at_once_never_both_succeed() -> anyhow::Result<()> {
    const ROUNDS: i64 = 40;
    let world = World::new().await?;
    let functions = functions(&world, 2).await?;
    deliver(&writer_without_models(&world)?, event(builds(0..ROUNDS))).await?;
    let first = place(&world, "build_events-0-0").await?;
    let mut discarded = 0;
    for offset in 0..ROUNDS {
        let place = RecordCoordinates { offset, ..first };
        let store = functions[1].store().clone();
        let discard = tokio::spawn(async move { retry::discard(&store, place).await });
        let (retried, gone) =
            tokio::try_join!(tokio::spawn(retrying(&functions[0], place)), discard)?;
        let (retried, gone) = (retried?, gone?);
        assert!(
            matches!((&retried, gone), (Retried::Acknowledged, false) | (Retried::NotFound, true)),
            "{retried:?} and {gone}"
        );
        discarded += i64::from(gone);
    }
    assert_eq!(
        world
            .count("SELECT count(*) FROM failures WHERE discarded_at IS NOT NULL AND value IS NULL")
            .await?,
        discarded
    );
    assert_eq!(world.count("SELECT count(*) FROM events").await?, ROUNDS - discarded);
    assert_eq!(world.sql.query(UNBALANCED, &[]).await?.len(), 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_retries_of_a_skip_at_once_make_it_an_event_once() -> anyhow::Result<()> {
    const ROUNDS: i64 = 40;
    let world = World::new().await?;
    let functions = functions(&world, 2).await?;
    // The model of builds skips orders.
    deliver(&super::bound(&world, "orders=builds")?, event(orders(0..ROUNDS))).await?;
    let first = place(&world, "orders-0-0").await?;
    for offset in 0..ROUNDS {
        let place = RecordCoordinates { offset, ..first };
        let run = |writer: &Writer| {
            let writer = writer.clone();
            tokio::spawn(async move { retry::event(&writer, place).await })
        };
        let (a, b) = tokio::try_join!(run(&functions[0]), run(&functions[1]))?;
        assert_eq!((a?, b?), (Retried::Acknowledged, Retried::Acknowledged));
    }
    assert_balanced(&world, ROUNDS).await
}

/// Waits until a connection to the database waits for a lock.
async fn somebody_waits(world: &World) -> anyhow::Result<()> {
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
    weir_testkit::eventually(weir_testkit::PATIENCE, async || {
        world.count(waiting).await.ok().filter(|n| *n > 0)
    })
    .await?;
    Ok(())
}

/// Locks the partition, runs this SQL, and commits when another session waits for the lock.
async fn held<T>(
    world: &World,
    meanwhile: &str,
    work: impl Future<Output = Result<T, StoreError>>,
) -> anyhow::Result<T> {
    let ingest = world.database.client().await?;
    ingest.batch_execute("BEGIN; SELECT FROM stream_partitions FOR NO KEY UPDATE").await?;
    let commit = async {
        somebody_waits(world).await?;
        ingest.batch_execute(meanwhile).await?;
        anyhow::Ok(ingest.batch_execute("COMMIT").await?)
    };
    let (done, committed) = tokio::join!(work, commit);
    committed?;
    Ok(done?)
}

#[tokio::test]
async fn everything_waits_for_the_partition_and_sees_what_was_done_meanwhile() -> anyhow::Result<()>
{
    let world = World::new().await?;
    deliver(&writer_without_models(&world)?, event(orders(0..4))).await?;
    let first = place(&world, "orders-0-0").await?;
    let writer = &world.writer;
    let stored = "INSERT INTO event_records (stream, partition, \"offset\", timestamp_ms, checksum)
        SELECT stream, partition, \"offset\", timestamp_ms, checksum FROM failures WHERE \"offset\" = 0;
        DELETE FROM failures WHERE \"offset\" = 0";
    assert_eq!(held(&world, stored, retry::failure(writer, first)).await?, Retried::AlreadyStored);
    let at = |offset| RecordCoordinates { offset, ..first };
    let gone = "DELETE FROM failures WHERE \"offset\" = 1";
    assert_eq!(held(&world, gone, retry::failure(writer, at(1))).await?, Retried::NotFound);
    let discarded = "UPDATE failures SET discarded_at = now() WHERE \"offset\" = 2";
    assert!(!held(&world, discarded, retry::discard(writer.store(), at(2))).await?);
    let removed = "DELETE FROM event_records";
    assert_eq!(held(&world, removed, retry::event(writer, first)).await?, Retried::NotFound);
    assert_eq!(
        tables::column(&world.sql, "SELECT \"offset\"::text FROM failures ORDER BY 1").await?,
        ["2", "3"]
    );
    Ok(())
}
