//! The counts of failures are those of the table, whatever changes it.

use anyhow::ensure;
use futures_util::future::try_join_all;
use weir_store::retry::{self, RecordCoordinates};
use weir_testkit::Record;
use weir_tests::{
    World,
    batches::{event, record},
    deliver,
    dice::{Dice, again, seeds},
    tables,
};

/// Selects the counts whose number is not that of the rows. Rows with the count 0 may exist.
const WRONG: &str = "SELECT concat_ws(' ', stream, partition, error_class, c.open, f.open)
    FROM (SELECT stream, partition, error_class, open FROM failure_counts WHERE open <> 0) AS c
    FULL JOIN (SELECT stream, partition, error_class, count(*) AS open FROM failures WHERE discarded_at IS NULL GROUP BY 1, 2, 3) AS f
        USING (stream, partition, error_class)
    WHERE c.open IS DISTINCT FROM f.open";

async fn ensure_counted(world: &World, what: &str) -> anyhow::Result<()> {
    let wrong = tables::column(&world.sql, WRONG).await?;
    ensure!(wrong.is_empty(), "after {what}: {wrong:?}");
    Ok(())
}

/// Returns records that no model takes, some of them of a topic without a model.
fn bad(dice: &mut Dice, offsets: std::ops::Range<i64>) -> Vec<Record> {
    let one = |offset| {
        let topic = *dice.one_of(&["orders", "readings", "unbound"]);
        let partition = i32::try_from(dice.within(0..3)).unwrap_or_default();
        // Some of the values are good for orders.
        record(topic, partition, offset, *dice.one_of(&["{", "{\"n\":1}", "[", ""]))
    };
    offsets.map(one).collect()
}

/// A statement by hand that changes failures.
fn statement(dice: &mut Dice) -> String {
    let some = format!("(\"offset\" + partition) % {} = 0", dice.within(1..9));
    match dice.within(0..7) {
        0 => format!("DELETE FROM failures WHERE {some}"),
        1 => format!("UPDATE failures SET discarded_at = now(), value = NULL WHERE {some}"),
        2 => format!("UPDATE failures SET discarded_at = NULL WHERE {some}"),
        3 => format!("UPDATE failures SET error_class = 'other' WHERE {some}"),
        4 => format!("UPDATE failures SET error_class = 'database', discarded_at = CASE WHEN discarded_at IS NULL THEN now() END WHERE {some}"),
        5 => format!("UPDATE failures SET partition = partition + 100 WHERE {some} AND partition < 100"),
        _ => format!("INSERT INTO failures (stream, partition, \"offset\", timestamp_ms, checksum, error_class, error_message, discarded_at)
            SELECT stream, partition, \"offset\" + 1000000, 0, checksum, error_class, '', CASE WHEN {some} THEN now() END FROM failures ON CONFLICT DO NOTHING"),
    }
}

#[tokio::test]
async fn counts_are_those_of_the_rows_after_random_changes() -> anyhow::Result<()> {
    for seed in seeds(6)? {
        let world = World::new().await?;
        let dice = &mut Dice::new(seed);
        let mut offset = 0;
        for step in 0..40 {
            let what = match dice.within(0..5) {
                0 | 1 => {
                    let records = bad(dice, offset..offset + 20);
                    offset += 20;
                    world.deliver(event(records)).await?;
                    "a delivery".to_owned()
                }
                2 => {
                    for place in places(&world, 10).await? {
                        retry::failure(&world.writer, place).await?;
                    }
                    "retries".to_owned()
                }
                3 => {
                    for place in places(&world, 5).await? {
                        retry::discard(world.writer.store(), place).await?;
                    }
                    "discards".to_owned()
                }
                _ => {
                    let sql = statement(dice);
                    world.sql.batch_execute(&sql).await?;
                    sql
                }
            };
            ensure_counted(&world, &format!("{what}, step {step}, {}", again(seed))).await?;
        }
        world.sql.batch_execute("TRUNCATE failures").await?;
        ensure_counted(&world, "TRUNCATE").await?;
    }
    Ok(())
}

/// Returns the coordinates of some failures.
async fn places(world: &World, most: i64) -> anyhow::Result<Vec<RecordCoordinates>> {
    let some = "SELECT stream, partition, \"offset\" FROM failures WHERE discarded_at IS NULL ORDER BY checksum LIMIT $1";
    let place = |row: &tokio_postgres::Row| {
        Ok(RecordCoordinates {
            stream: row.try_get("stream")?,
            partition: row.try_get("partition")?,
            offset: row.try_get("offset")?,
        })
    };
    world.sql.query(some, &[&most]).await?.iter().map(place).collect()
}

/// Writers and retries lock the partition first, so they never wait for each other's counts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_writers_retries_and_discards_lose_no_count_and_never_deadlock()
-> anyhow::Result<()> {
    const ROUNDS: i64 = 12;
    let world = World::new().await?;
    // The partitions are known before, because their first batches wait for each other.
    let topics = ["orders", "readings", "unbound"];
    let first = topics.iter().flat_map(|topic| (0..3).map(move |n| record(topic, n, 0, "{")));
    world.deliver(event(first)).await?;
    let mut writers = Vec::new();
    for n in 0..4_i32 {
        let writer = weir_tests::writer_on(&world.database.url())?;
        writers.push(tokio::spawn(async move {
            let mut retries = 0;
            for round in 0..ROUNDS {
                // Each batch has several partitions and classes.
                let batch = i64::from(n) * ROUNDS + round + 1;
                let records =
                    bad(&mut Dice::new(u64::try_from(batch)?), batch * 10..batch * 10 + 10);
                retries += deliver(&writer, event(records)).await?.retries;
            }
            anyhow::Ok(retries)
        }));
    }
    let mut others = Vec::new();
    for n in 0..2 {
        let writer = weir_tests::writer_on(&world.database.url())?;
        let sql = world.database.client().await?;
        others.push(tokio::spawn(async move {
            for round in 0..30 {
                let some = "SELECT stream, partition, \"offset\" FROM failures WHERE discarded_at IS NULL ORDER BY \"offset\" DESC LIMIT 3";
                for row in sql.query(some, &[]).await? {
                    let place = RecordCoordinates {
                        stream: row.try_get("stream")?,
                        partition: row.try_get("partition")?,
                        offset: row.try_get("offset")?,
                    };
                    if (n + round) % 2 == 0 {
                        retry::failure(&writer, place).await?;
                    } else {
                        retry::discard(writer.store(), place).await?;
                    }
                }
            }
            anyhow::Ok(())
        }));
    }
    for writer in try_join_all(writers).await? {
        assert_eq!(writer?, 0, "a batch was tried again");
    }
    for other in try_join_all(others).await? {
        other?;
    }
    ensure_counted(&world, "all of them").await?;
    assert!(world.count("SELECT count(*) FROM failures").await? > 100);
    Ok(())
}

/// A count waits for no other partition's writer.
#[tokio::test]
async fn a_count_is_locked_only_by_who_holds_the_partition() -> anyhow::Result<()> {
    let world = World::new().await?;
    world.deliver(event((0..2).map(|partition| record("orders", partition, 0, "{")))).await?;
    let held = world.database.client().await?;
    held.batch_execute(
        "BEGIN; SELECT FROM stream_partitions WHERE partition = 0 FOR NO KEY UPDATE;
         UPDATE failures SET error_class = 'other' WHERE partition = 0",
    )
    .await?;
    // The other partition is free, with the same class and stream.
    world.sql.batch_execute("SET lock_timeout = '2s'").await?;
    world
        .sql
        .batch_execute("UPDATE failures SET error_class = 'other' WHERE partition = 1")
        .await?;
    // A corrected value changes no count, so it waits for no lock of a count.
    held.batch_execute("ROLLBACK").await?;
    held.batch_execute("BEGIN; UPDATE failure_counts SET open = open").await?;
    world.sql.batch_execute("UPDATE failures SET value = '\\x7b7d'").await?;
    held.batch_execute("ROLLBACK").await?;
    ensure_counted(&world, "both").await
}
