//! Random histories against PostgreSQL. Functions deliver overlapping batches at the same time,
//! some writes are aborted, records are removed meanwhile, and everything is delivered again.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context, ensure};
use weir_model::KafkaBatch;
use weir_store::{Store, Writer, reset::begin_epoch};
use weir_testkit::{Action, KafkaEvent, PATIENCE, Proxy, Step, eventually};
use weir_tests::{
    BATCH_TIME, World, audit,
    batches::{event, orders, readings},
    deliver,
    dice::{Dice, again, seeds},
    traffic::{Place, Traffic, place, store_on, writer_of},
};

const HISTORIES: u64 = 250;

/// The part of a history that one function uses.
#[derive(Clone)]
struct Function {
    writer: Writer,
    traffic: Arc<Traffic>,
    acknowledged: Arc<Mutex<BTreeSet<Place>>>,
}

#[derive(Default)]
struct Counts {
    deliveries: u64,
    aborted: u64,
    removed: usize,
}

impl Function {
    /// Makes several deliveries, of which a third are aborted after a few milliseconds. Returns the
    /// number of deliveries and of aborted ones.
    async fn run(self, mut dice: Dice) -> anyhow::Result<(u64, u64)> {
        let (deliveries, mut aborted) = (dice.within(3..8), 0);
        for _ in 0..deliveries {
            let batch = self.traffic.any_batch(&mut dice);
            let places: Vec<Place> = batch.iter().map(place).collect();
            let event = KafkaEvent::new(batch).to_bytes();
            let writer = self.writer.clone();
            let write = tokio::spawn(async move {
                writer
                    .write(&KafkaBatch::parse(&event)?, BATCH_TIME)
                    .await
                    .map_err(anyhow::Error::from)
            });
            if dice.percent(35) {
                tokio::time::sleep(Duration::from_micros(dice.within(0..9000))).await;
                write.abort();
            }
            match write.await {
                Ok(written) => {
                    let report = written?;
                    ensure!(report.around_consume == places.len(), "{report:?}");
                    self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner).extend(places);
                }
                Err(error) if error.is_cancelled() => aborted += 1,
                Err(error) => return Err(error.into()),
            }
        }
        Ok((deliveries, aborted))
    }
}

/// Removes the stored records of a group below some offsets, under the lock that retention takes.
/// Returns the removed records.
async fn remove(
    sql: &mut tokio_postgres::Client,
    group: &str,
    dice: &mut Dice,
) -> anyhow::Result<Vec<Place>> {
    let below = i64::try_from(dice.place(1..12))?;
    let transaction = sql.transaction().await?;
    let streams = transaction
        .query("SELECT p.stream FROM stream_partitions p JOIN streams s ON s.id = p.stream WHERE s.group_id = $1 ORDER BY p.stream, p.partition FOR NO KEY UPDATE OF p", &[&group])
        .await?;
    let streams: Vec<i32> = streams.iter().map(|row| row.get(0)).collect();
    let removed = transaction
        .query(
            "WITH e AS (DELETE FROM event_records WHERE stream = ANY ($1) AND \"offset\" < $2 RETURNING stream, partition, \"offset\"),
                f AS (DELETE FROM failures WHERE stream = ANY ($1) AND \"offset\" < $2 RETURNING stream, partition, \"offset\")
            SELECT s.topic, x.partition, x.\"offset\" FROM (SELECT * FROM e UNION ALL SELECT * FROM f) AS x JOIN streams s ON s.id = x.stream",
            &[&streams, &below],
        )
        .await?;
    transaction.commit().await?;
    removed.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))).collect()
}

async fn history(
    seed: u64,
    world: &World,
    stores: &[Store],
    clean_store: &Store,
) -> anyhow::Result<Counts> {
    let dice = &mut Dice::new(seed);
    let (group, plugin) = (format!("history{seed}"), dice.percent(40));
    let traffic = Arc::new(Traffic::new(dice, seed, 25));
    let acknowledged = Arc::new(Mutex::new(BTreeSet::new()));
    let functions: Vec<_> = (0..dice.place(2..5))
        .map(|n| {
            let writer = writer_of(stores[n].clone(), &group, plugin)?;
            let function =
                Function { writer, traffic: traffic.clone(), acknowledged: acknowledged.clone() };
            anyhow::Ok(tokio::spawn(function.run(Dice::new(seed * 10 + u64::try_from(n)?))))
        })
        .collect::<Result<_, _>>()?;
    let mut removed = Vec::new();
    if dice.percent(60) {
        let mut sql = world.database.client().await?;
        for _ in 0..dice.within(1..4) {
            tokio::time::sleep(Duration::from_millis(dice.within(5..40))).await;
            removed.append(&mut remove(&mut sql, &group, dice).await?);
        }
    }
    let mut counts = Counts { removed: removed.len(), ..Counts::default() };
    for function in functions {
        let (deliveries, aborted) = function.await??;
        counts.deliveries += deliveries;
        counts.aborted += aborted;
    }

    // Acknowledged records are stored before they are delivered again.
    let all = traffic.places();
    let there = |mut stored: Vec<Place>| {
        stored.extend(removed.iter().cloned());
        stored
    };
    let stored = there(audit::places(&world.sql, &group).await?);
    let lost: Vec<_> = acknowledged
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .iter()
        .filter(|place| !stored.contains(place))
        .cloned()
        .collect();
    ensure!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    audit::exactly_once(&stored, &stored.iter().cloned().collect())?;

    let writer = writer_of(stores[0].clone(), &group, plugin)?;
    deliver(&writer, traffic.whole()).await?;
    audit::exactly_once(&there(audit::places(&world.sql, &group).await?), &all)?;
    let again = deliver(&writer, traffic.whole()).await?;
    ensure!(again.event_action == 0, "{again:?}");

    deliver(&writer_of(clean_store.clone(), &group, plugin)?, traffic.whole()).await?;
    Ok(counts)
}

/// Checks that the projections equal those of one clean pass. The log equals it too, except for
/// removed records.
async fn compare(world: &World, clean: &World, removed: &[(u64, usize)]) -> anyhow::Result<()> {
    let (rows, wanted) =
        (audit::rows(&world.sql, None).await?, audit::rows(&clean.sql, None).await?);
    let is_record = |row: &&String| row.starts_with("event ") || row.starts_with("failure ");
    let projections =
        |rows: &[String]| rows.iter().filter(|row| !is_record(row)).cloned().collect::<Vec<_>>();
    for (seed, removed) in removed {
        let group = format!("history{seed}");
        let (rows, wanted) = (&rows[&group], &wanted[&group]);
        audit::same(&group, &projections(rows), &projections(wanted))
            .with_context(|| again(*seed))?;
        let foreign: Vec<_> =
            rows.iter().filter(is_record).filter(|row| !wanted.contains(row)).collect();
        ensure!(foreign.is_empty(), "{}: {foreign:?}", again(*seed));
        let missing = wanted.iter().filter(is_record).filter(|row| !rows.contains(row)).count();
        ensure!(
            missing == *removed,
            "{}: {missing} rows are missing, {removed} were removed",
            again(*seed)
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_writers_lose_and_double_nothing() -> anyhow::Result<()> {
    let begun = std::time::Instant::now();
    let (world, clean) = (World::new().await?, World::new().await?);
    let stores = (0..4).map(|_| store_on(&world.database.url())).collect::<Result<Vec<_>, _>>()?;
    let clean_store = store_on(&clean.database.url())?;
    let (mut all, mut removed) = (Counts::default(), Vec::new());
    let seeds = seeds(HISTORIES)?;
    for seed in &seeds {
        let counts =
            history(*seed, &world, &stores, &clean_store).await.with_context(|| again(*seed))?;
        all.deliveries += counts.deliveries;
        all.aborted += counts.aborted;
        all.removed += counts.removed;
        removed.push((*seed, counts.removed));
    }
    compare(&world, &clean, &removed).await?;
    println!(
        "{} histories, {} deliveries, {} of them aborted, {} records removed, {:.1} s: 0 lost, 0 doubled",
        seeds.len(),
        all.deliveries,
        all.aborted,
        all.removed,
        begun.elapsed().as_secs_f64()
    );
    Ok(())
}

/// Two functions get the same records. The first one waits before its COMMIT; the second one waits
/// for the lock, and reads the settled offsets only afterwards.
///
/// A single statement that locks and reads would see the new `next_offset` but the old gaps, so
/// some of the records are in a gap. All records are events: for a failure the key would reveal the
/// duplicate, and the second try would store nothing.
#[tokio::test]
async fn the_second_of_two_functions_waits_and_sees_what_the_first_settled() -> anyhow::Result<()> {
    let world = World::new().await?;
    let proxy = Proxy::start(&world.database.url()).await?;
    let first = writer_of(store_on(&proxy.url(&world.database.url()))?, "two", false)?;
    let second = writer_of(store_on(&world.database.url())?, "two", false)?;
    // When the partition is registered, the next COMMIT is the tested one.
    for writer in [&first, &second] {
        deliver(writer, event(orders([0]))).await?;
        deliver(writer, event(orders([5]))).await?;
    }
    ensure!(
        world.count("SELECT end_offset - first_offset FROM stream_gaps").await? == 4,
        "the gap of offsets 1 to 4 is missing"
    );
    let all = || orders(0..10);
    proxy.cut_at(Step::Execute("COMMIT".into()), Action::Hold);
    let held = async {
        proxy.reached().await;
        // The kind of lock does not matter. The test checks that the function waits, and which
        // offsets it then knows as settled.
        let waits = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let waiting = async || {
            world.sql.query(waits, &[]).await.is_ok_and(|rows| !rows.is_empty()).then_some(())
        };
        let waited = eventually(PATIENCE, waiting).await;
        proxy.release();
        waited.context("the second function does not wait for the first")
    };
    let late = async {
        proxy.reached().await;
        Ok(deliver(&second, event(all())).await?)
    };
    let (one, two, ()) =
        tokio::try_join!(async { anyhow::Ok(deliver(&first, event(all())).await?) }, late, held)?;
    ensure!(one.event_action == 8, "{one:?}");
    ensure!((two.event_action, two.event_already_consumed, two.retries) == (0, 10, 0), "{two:?}");
    audit::exactly_once(
        &audit::places(&world.sql, "two").await?,
        &all().iter().map(place).collect(),
    )?;
    Ok(())
}

/// A function waits for the lock of one topic, while another topic of its batch is reset and
/// written again. The function has then locked the old stream and reads the new one. It must begin
/// again; otherwise two functions would write to the new stream at once.
#[tokio::test]
async fn a_stream_that_was_reset_before_the_read_is_locked_again() -> anyhow::Result<()> {
    let world = World::new().await?;
    let proxy = Proxy::start(&world.database.url()).await?;
    let slow = writer_of(store_on(&proxy.url(&world.database.url()))?, "reset", false)?;
    let writer = writer_of(store_on(&world.database.url())?, "reset", false)?;
    // This is the order in which the streams are locked.
    deliver(&writer, event(readings([0]))).await?;
    deliver(&writer, event(orders([0]))).await?;
    let waits = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let waiting =
        async || world.sql.query(waits, &[]).await.is_ok_and(|rows| !rows.is_empty()).then_some(());

    let holder = world.database.client().await?;
    let hold = "BEGIN; SELECT FROM stream_partitions p JOIN streams s ON s.id = p.stream WHERE s.topic = 'readings' FOR UPDATE OF p";
    holder.batch_execute(hold).await?;
    proxy.cut_at(Step::Execute("settle_partitions".into()), Action::Hold);
    let one = tokio::spawn(async move {
        deliver(&slow, event(readings([1]).into_iter().chain(orders(0..3)))).await
    });
    eventually(PATIENCE, waiting).await?;
    ensure!(begin_epoch(writer.store(), "reset", "orders").await?.is_some());
    deliver(&writer, event(orders([0]))).await?;
    holder.batch_execute("COMMIT").await?;

    // The function has copied its records when the next function gets the same ones.
    tokio::time::timeout(PATIENCE, proxy.reached()).await?;
    let two = tokio::spawn(async move { deliver(&writer, event(orders(0..3))).await });
    let waited = eventually(PATIENCE, waiting).await;
    proxy.release();
    let (one, two) = (one.await??, two.await??);
    ensure!((two.event_action, two.event_already_consumed) == (0, 3), "{two:?}");
    ensure!((one.event_action, one.retries) == (3, 1), "{one:?}");
    ensure!(
        world
            .count("SELECT count(*) - count(DISTINCT (stream, partition, \"offset\")) FROM events")
            .await?
            == 0
    );
    waited.context("the second function does not wait for the first")
}
