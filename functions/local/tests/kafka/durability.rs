//! Acknowledged records stay stored. If a database loses records, the program reads them from Kafka
//! again without a command.
//!
//! `bash tests/external/durability/run` runs the full tests. Without the script each test runs a
//! small part.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use anyhow::{Context, Result};
use tokio::task::JoinHandle;
use weir_kafka::Producer;
use weir_testkit::{Crashable, eventually};

use crate::{
    apache::ApacheKafka,
    common::{
        Folder, Running, command, data,
        running::{PATIENCE, count},
        setting, weir,
    },
};

/// Returns the number of repetitions that the script sets, or `few`.
fn times(name: &str, few: usize) -> usize {
    setting(name).and_then(|times| times.parse().ok()).unwrap_or(few)
}

/// A task that writes readings continuously.
struct Sender {
    over: Arc<AtomicBool>,
    sent: Arc<AtomicUsize>,
    task: JoinHandle<Result<()>>,
}

impl Sender {
    fn start(kafka: &ApacheKafka, from: usize) -> Result<Self> {
        let producer = Producer::new(&kafka.address(), &std::collections::BTreeMap::new())?;
        let (over, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(from)));
        let (is_over, counted) = (Arc::clone(&over), Arc::clone(&sent));
        let task = tokio::spawn(async move {
            while !is_over.load(SeqCst) {
                let first = counted.load(SeqCst);
                producer.publish_all((first..first + 10).map(data::reading)).await?;
                counted.store(first + 10, SeqCst);
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Ok(())
        });
        Ok(Self { over, sent, task })
    }

    fn sent(&self) -> i64 {
        i64::try_from(self.sent.load(SeqCst)).unwrap_or(i64::MAX)
    }

    async fn stop(self) -> Result<usize> {
        self.over.store(true, SeqCst);
        self.task.await??;
        Ok(self.sent.load(SeqCst))
    }
}

struct World {
    kafka: ApacheKafka,
    database: Crashable,
    folder: Folder,
}

impl World {
    async fn new() -> Result<Self> {
        let (kafka, database) = tokio::try_join!(ApacheKafka::start(), Crashable::start(false))?;
        kafka.create_topic("readings", 4, &[]).await?;
        database.create_database("weir").await?;
        Ok(Self { kafka, database, folder: Folder::new()? })
    }

    async fn start(&self) -> Result<Running> {
        let (kafka, url, data) =
            (self.kafka.address(), self.database.url("weir"), self.folder.arg());
        let args = [
            "--kafka",
            &kafka,
            "--database-url",
            &url,
            "--data-dir",
            &data,
            "--port",
            "0",
            "--topics",
            "readings=readings",
        ];
        Running::of(command(env!("CARGO_BIN_EXE_weir"), &args)).await
    }

    async fn stored(&self) -> Option<i64> {
        let sql = self.database.client("weir").await.ok()?;
        count(&sql, "SELECT count(*) FROM events").await.ok()
    }

    /// Waits until more records are stored than now.
    async fn goes_on(&self, running: &Running) -> Result<()> {
        let before = eventually(PATIENCE, async || self.stored().await).await?;
        let more =
            eventually(PATIENCE, async || self.stored().await.filter(|rows| *rows > before)).await;
        more.with_context(|| running.stderr())?;
        Ok(())
    }

    /// Checks that after a restart each record is stored once, without a command.
    async fn all_are_there(&self, sent: usize) -> Result<()> {
        let sent = i64::try_from(sent)?;
        let running = self.start().await?;
        let mut last = None;
        let all = eventually(PATIENCE, async || {
            last = self.stored().await;
            last.filter(|rows| *rows == sent)
        });
        all.await.with_context(|| {
            format!("of {sent} sent, {last:?} are stored: {}", running.stderr())
        })?;
        let sql = self.database.client("weir").await?;
        assert_eq!(data::distinct_and_all_readings(&sql).await?, (sent, sent));
        assert_eq!(count(&sql, "SELECT count(*) FROM stream_gaps").await?, 0);
        assert_eq!(running.interrupt().await?.code, Some(0));
        let clean = weir(&[
            "reconcile",
            "--kafka",
            &self.kafka.address(),
            "--database-url",
            &self.database.url("weir"),
            "--topics",
            "readings=readings",
        ])
        .await?;
        assert_eq!(clean.code, Some(0), "{clean:?}");
        assert!(
            clean.stdout.ends_with("4 partitions compared: 0 missing, 0 lost, 0 not yet read\n"),
            "{clean:?}"
        );
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Apache Kafka: bash tests/external/durability/run"]
async fn kills_of_a_server_that_does_not_wait_for_its_disk() -> Result<()> {
    let mut world = World::new().await?;
    let sql = world.database.client("postgres").await?;
    // The longest delay that PostgreSQL allows for an asynchronous commit.
    for set in [
        "ALTER SYSTEM SET synchronous_commit = off",
        "ALTER SYSTEM SET wal_writer_delay = '10s'",
        "SELECT pg_reload_conf()",
    ] {
        sql.batch_execute(set).await?;
    }
    drop(sql);
    let running = world.start().await?;
    let sender = Sender::start(&world.kafka, 0)?;
    for n in 0..times("WEIR_KILLS", 3) {
        world.goes_on(&running).await?;
        tokio::time::sleep(Duration::from_millis(u64::try_from(n * 37 % 400)?)).await;
        world.database.kill_hard().await?;
        world.database.restart().await?;
        if n % 20 == 19 {
            eprintln!("{} kills, {} sent", n + 1, sender.sent());
        }
    }
    let sent = sender.stop().await?;
    running.kill()?;
    world.all_are_there(sent).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Apache Kafka: bash tests/external/durability/run"]
async fn failovers_to_a_replica_that_is_two_seconds_late() -> Result<()> {
    let mut world = World::new().await?;
    // The tables exist only after the first start.
    world.start().await?.interrupt().await?;
    let (mut sent, mut lost) = (0, 0);
    for _ in 0..times("WEIR_FAILOVERS", 1) {
        let replica = world.database.replica().await?;
        let running = world.start().await?;
        let sender = Sender::start(&world.kafka, sent)?;
        world.goes_on(&running).await?;
        replica.stop_following().await?;
        tokio::time::sleep(Duration::from_secs(2)).await;
        world.goes_on(&running).await?;
        let stored = world.stored().await.context("a count")?;
        world.database.kill_hard().await?;
        running.kill()?;
        replica.promote().await?;
        world.database = replica;
        lost += stored - world.stored().await.context("a count")?;
        sent = sender.stop().await?;
        world.all_are_there(sent).await?;
    }
    eprintln!("{sent} sent, {lost} of them stored, lost by a failover, and stored again");
    assert!(lost > 0, "no failover lost anything: this shows nothing");
    Ok(())
}
