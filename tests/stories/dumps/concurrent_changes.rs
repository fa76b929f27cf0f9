//! A day whose rows change during its dump.

use weir_dump::{Found, Which};
use weir_tests::batches::{event, orders, readings};

use super::freshness::{DAY, NEXT, late, world};

/// The batch begins and commits while the dump reads. Its mark must survive the end of the dump.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_commits_during_the_dump() -> anyhow::Result<()> {
    let (world, dumps) = world().await?;
    world.deliver(event(readings(0..10))).await?;
    let held = dumps.held("readings", DAY).await?;
    world.deliver(event([late(10)])).await?;
    held.go_on().await?;
    assert_eq!(dumps.manifest("readings", DAY).await?.rows, 10);
    assert_eq!(dumps.standing("readings", DAY).await?, "stale");
    assert!(dumps.run(Which::Daily, NEXT).await?.contains(&"readings 2026-01-01 11".to_owned()));
    assert_eq!(
        (dumps.standing("readings", DAY).await?, dumps.verified("readings", DAY).await?),
        ("dumped", Found::Equal)
    );
    Ok(())
}

/// The day changes during a dump, and a second dump would overtake the first one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_dump_of_the_day_waits_for_the_first() -> anyhow::Result<()> {
    let (world, dumps) = world().await?;
    world.deliver(event(readings(0..10))).await?;
    let first = dumps.held("readings", DAY).await?;
    world.deliver(event([late(10)])).await?;
    let mut second = std::pin::pin!(dumps.one("readings", DAY));
    let overtook = tokio::time::timeout(std::time::Duration::from_secs(1), second.as_mut()).await;
    assert!(overtook.is_err(), "{overtook:?}");
    first.go_on().await?;
    second.await?;
    assert_eq!(
        (dumps.standing("readings", DAY).await?, dumps.verified("readings", DAY).await?),
        ("dumped", Found::Equal)
    );
    assert_eq!(dumps.manifest("readings", DAY).await?.rows, 11);
    Ok(())
}

/// From the start of a dump on, the day does not count as dumped or verified.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dump_that_is_killed_takes_the_old_one_with_it() -> anyhow::Result<()> {
    let (world, dumps) = world().await?;
    world.deliver(event(readings(0..10))).await?;
    dumps.one("readings", DAY).await?;
    assert_eq!(dumps.verified("readings", DAY).await?, Found::Equal);
    let noted = "SELECT count(snapshot) + count(verified_at) FROM dumps WHERE model = 'readings'";
    assert_eq!(world.count(noted).await?, 2);
    dumps.held("readings", DAY).await?.kill().await;
    assert_eq!((world.count(noted).await?, dumps.standing("readings", DAY).await?), (0, "missing"));
    assert!(!dumps.files()?.iter().any(|file| file.starts_with("_manifests")));
    assert!(dumps.run(Which::Daily, NEXT).await?.contains(&"readings 2026-01-01 10".to_owned()));
    assert_eq!(
        (dumps.standing("readings", DAY).await?, dumps.verified("readings", DAY).await?),
        ("dumped", Found::Equal)
    );
    Ok(())
}

/// All parts of a day are read in one snapshot.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_topics_of_a_day_are_of_one_moment() -> anyhow::Result<()> {
    let (world, dumps) = world().await?;
    world.deliver(event(orders(0..5).into_iter().chain(readings(0..5)))).await?;
    let today: String = world
        .sql
        .query_one("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD')", &[])
        .await?
        .try_get(0)?;
    let held = dumps.held("events", &today).await?;
    world.deliver(event(orders(5..8).into_iter().chain(readings(5..8)))).await?;
    held.go_on().await?;
    assert_eq!(dumps.manifest("events", &today).await?.rows, 10);
    assert_eq!(dumps.standing("events", &today).await?, "stale");
    Ok(())
}
