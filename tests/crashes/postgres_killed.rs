//! PostgreSQL is killed and restarted under load.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::ensure;
use tokio::task::JoinHandle;
use weir_model::KafkaBatch;
use weir_store::Writer;
use weir_testkit::{Crashable, KafkaEvent, PATIENCE, Record, eventually};
use weir_tests::{
    audit,
    dice::Dice,
    migrate_all, reading,
    traffic::{Place, place, store_on, writer_of},
};

const KILLS: usize = 24;
/// The lowest number of batches that are stored between two kills.
const BATCHES: usize = 2;
const GROUP: &str = "killed";

/// Returns batch `number` of a partition: 40 records, of which half are also in the batch before.
fn batch(partition: i32, number: i64) -> Vec<Record> {
    let of = |offset: i64| Record {
        topic: "readings".into(),
        partition,
        offset,
        value: reading(
            &format!("s{partition}"),
            1.0,
            &format!(
                "2026-01-01T{:02}:{:02}:{:02}Z",
                offset / 3600 % 24,
                offset / 60 % 60,
                offset % 60
            ),
        )
        .into(),
        ..Record::default()
    };
    (number * 20..number * 20 + 40).map(of).collect()
}

/// The state that the writers share with the killer.
#[derive(Default)]
struct Course {
    stop: AtomicBool,
    stored: AtomicUsize,
}

/// Writes one batch after another, and retries each until it is stored. The partition in the middle
/// has two writers.
async fn load(
    writer: Writer,
    partitions: [i32; 2],
    course: Arc<Course>,
) -> anyhow::Result<(BTreeSet<Place>, usize)> {
    let (mut all, mut failed) = (BTreeSet::new(), 0);
    for number in 0.. {
        if course.stop.load(Ordering::Relaxed) {
            break;
        }
        let records: Vec<Record> =
            partitions.iter().flat_map(|partition| batch(*partition, number)).collect();
        all.extend(records.iter().map(place));
        let event = KafkaEvent::new(records).to_bytes();
        let batch = KafkaBatch::parse(&event)?;
        let begun = Instant::now();
        while let Err(error) = writer.write(&batch, Duration::from_secs(20)).await {
            ensure!(error.is_transient(), "{error}");
            ensure!(begun.elapsed() < Duration::from_mins(10), "{error}");
            failed += 1;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        course.stored.fetch_add(1, Ordering::Relaxed);
    }
    Ok((all, failed))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_killed_and_restarted_under_load() -> anyhow::Result<()> {
    let mut server = Crashable::start(true).await?;
    server.create_database("weir").await?;
    migrate_all(&server.url("weir")).await?;
    let course = Arc::new(Course::default());
    let mut loads = Vec::new();
    for partitions in [[0, 1], [1, 2]] {
        let writer = writer_of(store_on(&server.url("weir"))?, GROUP, partitions[0] == 0)?;
        loads.push(tokio::spawn(load(writer, partitions, course.clone())));
    }
    let more = async || {
        let stored = || course.stored.load(Ordering::Relaxed);
        let before = stored();
        // A writer that has ended returns its error when it is joined.
        let is_over = || loads.iter().any(JoinHandle::is_finished);
        eventually(PATIENCE, async || (is_over() || stored() >= before + BATCHES).then_some(()))
            .await
    };
    let (begun, mut dice) = (Instant::now(), Dice::new(3));
    for kill in 0..KILLS {
        // On a machine of any speed most kills happen under load. The others happen soon after the
        // restart.
        if kill % 3 > 0 {
            more().await?;
        }
        tokio::time::sleep(Duration::from_millis(dice.within(50..400))).await;
        server.kill_hard().await?;
        server.restart().await?;
    }
    more().await?;
    course.stop.store(true, Ordering::Relaxed);
    let (mut all, mut failed) = (BTreeSet::new(), 0);
    for load in loads {
        let (places, times) = load.await??;
        all.extend(places);
        failed += times;
    }
    let sql = server.client("weir").await?;
    audit::exactly_once(&audit::places(&sql, GROUP).await?, &all)?;
    let failures: i64 = sql.query_one("SELECT count(*) FROM failures", &[]).await?.get(0);
    ensure!(failures == 0);
    let readings: i64 = sql.query_one("SELECT count(*) FROM readings", &[]).await?.get(0);
    ensure!(
        usize::try_from(readings)?
            == all
                .iter()
                .map(|(_, partition, offset)| (partition, offset % 86_400))
                .collect::<BTreeSet<_>>()
                .len()
    );
    println!(
        "{KILLS} kills, {} records, {failed} failed deliveries, {:.1} s",
        all.len(),
        begun.elapsed().as_secs_f64()
    );
    ensure!(all.len() > 1000, "there was no load: {} records", all.len());
    Ok(())
}
