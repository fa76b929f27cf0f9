//! Several functions at once, on the same records or on different ones.

use std::collections::BTreeSet;

use weir_store::{Report, StoreError, WriteLimits, Writer, reset::begin_epoch};
use weir_testkit::Record;
use weir_tests::{
    World, audit,
    batches::{build, event, orders, record},
    deliver,
    dice::{Dice, again, seeds},
    reading, tables,
    traffic::{Place, Traffic},
};

use crate::ledger::UNBALANCED;

/// Creates writers, each with a separate connection pool like a function.
async fn functions(world: &World, count: usize) -> anyhow::Result<Vec<Writer>> {
    let ledger = || std::sync::Arc::new(crate::ledger::Ledger::new(|_, _, _| Ok(())));
    let plugins = crate::ledger::with_plugins(
        world,
        vec![ledger(), std::sync::Arc::new(weir_plugin::daily_totals::DailyTotals)],
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

/// Runs both deliveries at once, on threads of the runtime.
async fn at_once(
    one: &Writer,
    a: Vec<Record>,
    two: &Writer,
    b: Vec<Record>,
) -> anyhow::Result<(Report, Report)> {
    let start = |writer: &Writer, records| {
        let writer = writer.clone();
        tokio::spawn(async move { deliver(&writer, event(records)).await })
    };
    let (a, b) = tokio::try_join!(start(one, a), start(two, b))?;
    Ok((a?, b?))
}

/// Checks that the log, the ledger and the totals agree, that each record is stored once, and that
/// no deadlock occurred.
async fn assert_balanced(world: &World, wanted: &BTreeSet<Place>) -> anyhow::Result<()> {
    audit::exactly_once(&audit::places(&world.sql, "weir").await?, wanted)?;
    assert_eq!(
        world.sql.query(UNBALANCED, &[]).await?.len(),
        0,
        "a plugin saw an event never or twice"
    );
    assert_eq!(
        world.count("SELECT coalesce(sum(events), 0)::bigint FROM daily_totals.totals").await?,
        world.count("SELECT count(*) FROM events WHERE outcome = 'event'").await?
    );
    Ok(())
}

async fn deadlocks(world: &World) -> anyhow::Result<i64> {
    // The counts reach the view only when a connection was idle for a while.
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    world.count("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_functions_with_the_same_batch_store_it_once() -> anyhow::Result<()> {
    let world = World::new().await?;
    let functions = functions(&world, 2).await?;
    let mut wanted = BTreeSet::new();
    for round in 0..100 {
        // The first round finds no partition and no stream: both functions register them.
        let batch = orders(round * 7..round * 7 + 7);
        wanted.extend(batch.iter().map(|r| (r.topic.clone(), r.partition, r.offset)));
        let (a, b) = at_once(&functions[0], batch.clone(), &functions[1], batch).await?;
        assert_eq!(
            (
                a.event_acknowledged + b.event_acknowledged,
                a.event_already_consumed + b.event_already_consumed
            ),
            (7, 7),
            "round {round}"
        );
        assert_eq!((a.retries, b.retries), (0, 0), "round {round}");
    }
    assert_balanced(&world, &wanted).await?;
    assert_eq!(deadlocks(&world).await?, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn new_partitions_are_registered_by_many_at_once() -> anyhow::Result<()> {
    for _ in 0..5 {
        let world = World::new().await?;
        let functions = functions(&world, 6).await?;
        let batch = || {
            (0..8)
                .flat_map(|partition| {
                    orders(0..2).into_iter().map(move |r| Record { partition, ..r })
                })
                .collect::<Vec<_>>()
        };
        let all = functions.iter().map(|writer| {
            let (writer, batch) = (writer.clone(), batch());
            tokio::spawn(async move { deliver(&writer, event(batch)).await })
        });
        let mut stored = 0;
        for function in all.collect::<Vec<_>>() {
            stored += function.await??.event_acknowledged;
        }
        assert_eq!(stored, 16);
        assert_eq!(world.count("SELECT count(*) FROM streams").await?, 1);
        assert_eq!(deadlocks(&world).await?, 0);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn overlapping_batches_at_once_store_each_record_once() -> anyhow::Result<()> {
    for seed in seeds(12)? {
        let mut dice = Dice::new(seed);
        let world = World::new().await?;
        let functions = functions(&world, 3).await?;
        let traffic = Traffic::new(&mut dice, 1, 30);
        let deliveries: Vec<Vec<Record>> = (0..30)
            .map(|_| traffic.any_batch(&mut dice))
            .chain([traffic.records().cloned().collect()])
            .collect();
        let shares: Vec<Vec<Vec<Record>>> =
            (0..3).map(|n| deliveries.iter().skip(n).step_by(3).cloned().collect()).collect();
        let running = functions.iter().cloned().zip(shares).map(|(writer, share)| {
            tokio::spawn(async move {
                for batch in share {
                    deliver(&writer, event(batch)).await?;
                }
                Ok::<_, StoreError>(())
            })
        });
        for function in running.collect::<Vec<_>>() {
            function.await??;
        }
        deliver(&functions[0], traffic.whole()).await?;
        let stored: BTreeSet<Place> =
            audit::places(&world.sql, "weir").await?.into_iter().collect();
        assert_balanced(&world, &stored).await?;
        assert_eq!(stored, traffic.places(), "{}", again(seed));
        let clean = World::new().await?;
        deliver(&functions_on(&clean).await?, traffic.whole()).await?;
        let (stored, wanted) =
            (audit::rows(&world.sql, None).await?, audit::rows(&clean.sql, None).await?);
        assert_eq!(stored, wanted, "{}", again(seed));
    }
    Ok(())
}

async fn functions_on(world: &World) -> anyhow::Result<Writer> {
    Ok(functions(world, 1).await?.remove(0))
}

/// Returns events of the same builds and instants for each partition, in opposite orders.
fn contended(partition: i32, round: i64) -> Vec<Record> {
    let mut all = Vec::new();
    for n in 0..20_u32 {
        let place = if partition % 2 == 0 { n } else { 19 - n };
        let offset = round * 20 + i64::from(n);
        all.push(record(
            "build_events",
            partition,
            offset,
            build(place, "ready", &format!("2026-01-02T00:00:{:02}Z", round % 60), false),
        ));
        all.push(record(
            "readings",
            partition,
            offset,
            reading("speed", f64::from(partition), &format!("2026-01-01T00:00:{place:02}Z")),
        ));
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn different_partitions_at_once_never_deadlock() -> anyhow::Result<()> {
    let world = World::new().await?;
    let functions = functions(&world, 4).await?;
    let mut wanted = BTreeSet::new();
    for round in 0..25 {
        let mut running = Vec::new();
        for (partition, writer) in (0..).zip(functions.clone()) {
            let batch = contended(partition, round);
            wanted.extend(batch.iter().map(|r| (r.topic.clone(), r.partition, r.offset)));
            running.push(tokio::spawn(async move { deliver(&writer, event(batch)).await }));
        }
        for function in running {
            let report = function.await??;
            assert_eq!((report.event_acknowledged, report.retries), (40, 0), "round {round}");
        }
    }
    assert_balanced(&world, &wanted).await?;
    assert_eq!(deadlocks(&world).await?, 0);
    assert_eq!(
        tables::column(&world.sql, "SELECT DISTINCT value::text FROM readings").await?,
        ["3"],
        "the last partition wins each tie"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reset_in_the_middle_of_ingest_neither_loses_nor_fails_anything() -> anyhow::Result<()> {
    for _ in 0..4 {
        let world = World::new().await?;
        // Each reset may affect the same batch.
        let patient = |writer: Writer| writer.with_limits(WriteLimits { max_retries: 10 });
        let functions: Vec<Writer> = functions(&world, 2).await?.into_iter().map(patient).collect();
        deliver(&functions[0], event(orders(0..3))).await?;
        let ingest = |writer: Writer| {
            tokio::spawn(async move {
                for round in 1..25 {
                    deliver(&writer, event(orders(round * 3..round * 3 + 3))).await?;
                }
                Ok::<_, StoreError>(())
            })
        };
        let running = [ingest(functions[0].clone()), ingest(functions[1].clone())];
        let mut epochs = 0;
        for _ in 0..5 {
            tokio::time::sleep(std::time::Duration::from_millis(15)).await;
            epochs +=
                usize::from(begin_epoch(world.writer.store(), "weir", "orders").await?.is_some());
        }
        for function in running {
            function.await??;
        }
        assert_eq!(epochs, 5);
        assert_eq!(world.count("SELECT count(*) FROM streams").await?, 6);
        // Each record was stored in the epoch of its delivery: no record is missing, and none is
        // stored twice in one epoch.
        assert_eq!(world.sql.query(UNBALANCED, &[]).await?.len(), 0);
        assert_eq!(world.count("SELECT count(DISTINCT \"offset\") FROM events").await?, 75);
        assert_eq!(
            world
                .count(
                    "SELECT count(*) - count(DISTINCT (stream, partition, \"offset\")) FROM events"
                )
                .await?,
            0
        );
    }
    Ok(())
}
