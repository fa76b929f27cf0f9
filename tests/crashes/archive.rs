//! Retention is killed at messages of a move to the archive. Each record is then in the
//! database or in the archive, once.

use std::time::Duration;

use anyhow::{Context, ensure};
use weir_archive::ArchiveReader;
use weir_blob::Format;
use weir_dump::{Dumper, retain};
use weir_store::{
    archive::{self, Archive as _},
    retention::Keep,
};
use weir_testkit::{Action, Proxy, Step};
use weir_tests::{
    World,
    dice::Dice,
    dumps::Dumps,
    time_travel::{age, instant},
    traffic::{Traffic, store_on},
};

/// The time after which a run that reached no further message has ended or hangs.
const RUN_TIME: Duration = Duration::from_mins(1);

/// Returns the coordinates and checksums of all records, in the database and in the archive.
async fn records(world: &World, dumps: &Dumps) -> anyhow::Result<Vec<String>> {
    let sql = "SELECT concat_ws(' ', stream, partition, \"offset\", encode(checksum, 'base64')) FROM events";
    let mut all = weir_tests::tables::column(&world.sql, sql).await?;
    let files = archive::files(world.writer.store()).await?;
    let mut chunks = ArchiveReader::new(Some(dumps.dumper.blobs.clone())).read(files);
    while let Some(chunk) = chunks.recv().await {
        all.extend(chunk?.1.iter().map(|r| {
            let checksum = base64_simd::STANDARD.encode_to_string(&r.checksum);
            format!("{} {} {} {checksum}", r.stream, r.partition, r.offset)
        }));
    }
    all.sort();
    Ok(all)
}

async fn run(dumper: Dumper) -> anyhow::Result<usize> {
    let now = instant("2026-11-21T06:00:00Z")?;
    Ok(retain(&dumper, &Keep::of_log(100), now, &[], &|_| {}).await?.dropped.len())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_move_loses_and_doubles_nothing() -> anyhow::Result<()> {
    let kills = kill_at_every(16).await?;
    ensure!(kills > 30, "only {kills} messages");
    Ok(())
}

/// Kills at every message, which takes minutes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "tests/external/archive/run"]
async fn a_move_killed_anywhere_loses_and_doubles_nothing() -> anyhow::Result<()> {
    let kills = kill_at_every(1).await?;
    ensure!(kills > 200, "only {kills} messages");
    Ok(())
}

/// Kills a move at every `step`th message, in each way. Returns the number of kills.
async fn kill_at_every(step: usize) -> anyhow::Result<usize> {
    let world = World::new().await?;
    world.deliver(Traffic::new(&mut Dice::new(3), 1, 40).whole()).await?;
    world
        .sql
        .batch_execute("SELECT unpack_events(stream, partition, first_offset) FROM packed_events")
        .await?;
    age(&world.sql, "\"offset\" % 3 < 2", 2024, 5).await?;
    let dumps = Dumps::of(world.store()?, &[Format::Parquet])?;
    dumps.one("events", "2024-05-04").await?;
    let before = records(&world, &dumps).await?;
    let counted = "SELECT count(*) FROM event_removals";
    let proxy = Proxy::start(&world.database.url()).await?;
    let mut kills = 0;
    let actions = [Action::Hold, Action::BeforeForward, Action::SwallowAnswer];
    for (first, action) in (1..).step_by(step.div_ceil(3)).zip(actions) {
        for number in (first..).step_by(step) {
            let store = store_on(&proxy.url(&world.database.url()))?;
            let dumper = Dumper { store, ..dumps.dumper.clone() };
            proxy.cut_at(Step::Message(number), action);
            let running = tokio::spawn(run(dumper));
            if action == Action::Hold {
                // The process dies here: nothing that it would do next happens.
                tokio::select! {
                    () = proxy.reached() => running.abort(),
                    () = async { while !running.is_finished() { tokio::time::sleep(Duration::from_millis(5)).await } } => {}
                }
                proxy.cut();
            }
            // Without a kill, the run may have tried again, or have failed.
            let _ = tokio::time::timeout(RUN_TIME, running).await.context("it hangs")?;
            let was_reached = proxy.was_reached();
            proxy.forward_all();
            kills += usize::from(was_reached);
            ensure!(records(&world, &dumps).await? == before, "{action:?} at message {number}");
            let files = world.count("SELECT count(*) FROM archived_files").await?;
            let months = world
                .count("SELECT count(*) FROM event_months() WHERE month_table = 'events_2024_05'")
                .await?;
            ensure!((files == 0) == (months == 1), "{action:?} at message {number}: {files} files");
            ensure!((world.count(counted).await? == 0) == (months == 1));
            if months == 0 {
                // The next kills begin with the month in the database.
                let models = weir_model::models::builtin();
                let day = weir_tests::dumps::day("2024-05-04")?;
                weir_dump::restore(
                    &world.store()?,
                    &models,
                    &dumps.dumper.blobs,
                    "events",
                    day,
                    &|_, _| {},
                )
                .await?;
                dumps.one("events", "2024-05-04").await?;
                world.sql.batch_execute("DELETE FROM event_removals").await?;
            }
            if !was_reached {
                break;
            }
        }
    }
    println!("{kills} kills");
    Ok(kills)
}
