//! Redelivered, overlapping, shuffled and interleaved batches give the same rows as one clean pass.

use anyhow::Context;
use weir_store::Store;
use weir_testkit::KafkaEvent;
use weir_tests::{
    World, audit, deliver,
    dice::{Dice, again, seeds},
    traffic::{Traffic, store_on, writer_of},
};

const SCHEDULES: u64 = 1000;
/// The number of schedules that run at the same time.
const LANES: usize = 4;

/// Runs one schedule in a separate consumer group, and the clean pass in the same group of another
/// database.
async fn schedule(seed: u64, store: &Store, clean: &Store) -> anyhow::Result<usize> {
    let dice = &mut Dice::new(seed);
    let traffic = Traffic::new(dice, seed, 7);
    let group = format!("schedule{seed}");
    let writer = writer_of(store.clone(), &group, dice.percent(50))?;
    let clean = writer_of(clean.clone(), &group, !writer.plugins().is_empty())?;
    let batches = traffic.any_schedule(dice);
    let delivered = batches.len();
    for batch in batches {
        deliver(&writer, KafkaEvent::new(batch)).await?;
    }
    deliver(&clean, traffic.whole()).await?;
    Ok(delivered)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_schedule_gives_the_rows_of_one_clean_pass() -> anyhow::Result<()> {
    let begun = std::time::Instant::now();
    let (world, clean) = (World::new().await?, World::new().await?);
    let (store, clean_store) = (store_on(&world.database.url())?, store_on(&clean.database.url())?);
    let seeds = seeds(SCHEDULES)?;
    let lanes = (0..LANES).map(|lane| {
        let (store, clean_store) = (store.clone(), clean_store.clone());
        let mine: Vec<u64> = seeds.iter().copied().skip(lane).step_by(LANES).collect();
        tokio::spawn(async move {
            let mut delivered = 0;
            for seed in mine {
                delivered +=
                    schedule(seed, &store, &clean_store).await.with_context(|| again(seed))?;
            }
            anyhow::Ok(delivered)
        })
    });
    let mut delivered = 0;
    for lane in lanes.collect::<Vec<_>>() {
        delivered += lane.await??;
    }
    // The group in the error has the seed in its name.
    audit::equal(&world.sql, &clean.sql)
        .await
        .context("the number of the group is the seed: repeat it with WEIR_SEED")?;
    println!(
        "{} schedules, {delivered} batches, {:.1} s",
        seeds.len(),
        begun.elapsed().as_secs_f64()
    );
    Ok(())
}
